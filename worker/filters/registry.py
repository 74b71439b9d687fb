"""Filters by name, with their parameters checked before they run."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Recipe, Step, Value
from filterfleet.common.text import did_you_mean
from filterfleet.worker.filters.merge import Merge, Rows
from filterfleet.worker.filters.parameters import Parameter
from filterfleet.worker.filters.plugins import load_plugins
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.pixels.opencv import cv2


class Alpha(enum.Enum):
    """What becomes of transparency."""

    KEPT = "kept"  # the function gets the other channels, the alpha channel stays as it is
    FILTERED = "filtered"  # the function gets all channels
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Filter:
    """deep: takes 16 bits a sample, else such an image is converted to 8 first. gray: takes (h, w) only, else colour
    is converted first. bilevel: every pixel of the result is 0 or 255. refuses(**values) says what is wrong with
    the values together, "needs ..."; it may get some that are wrong each for itself."""

    name: str
    function: Callable[..., Image]
    parameters: Mapping[str, Parameter]
    merge: Merge
    alpha: Alpha
    deep: bool
    gray: bool
    bilevel: bool
    refuses: Callable[..., str | None]

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


@dataclass(frozen=True, slots=True)
class Bound:
    """A filter with the values of its parameters: one step of a chain, ready to run."""

    filter: Filter
    values: Mapping[str, Any]

    def __call__(self, image: Image, place: Place | None = None) -> Image:
        """The filtered image; never the same array, changed. place is where the rows lie, None if they are all."""
        merge = self.filter.merge
        if isinstance(merge, Rows) and merge.positioned:
            place = place or Place(0, image.shape[1], image.shape[0])
            return self.apply(image, self.filter.function, place=place)
        return self.apply(image, self.filter.function)

    def apply(self, image: Image, function: Callable[..., Image], **more: Any) -> Image:
        """function(image, **values, **more) on an image as the filter takes it, with alpha as the filter has it."""
        prepared, alpha = self.prepare(image)
        result = function(prepared, **self.values, **more)
        if alpha is None:
            return result
        if alpha.dtype != result.dtype:
            alpha = to_8_bits(alpha)
        return np.dstack([result, alpha])

    def prepare(self, image: Image) -> tuple[Image, Image | None]:
        """The image as the function takes it, and the alpha channel (h, w) that is to go with the result."""
        if image.dtype == np.uint16 and not self.filter.deep:
            image = to_8_bits(image)
        alpha: Image | None = None
        if image.ndim == 3 and image.shape[2] in (2, 4) and self.filter.alpha is not Alpha.FILTERED:
            alpha = image[:, :, -1] if self.filter.alpha is Alpha.KEPT else None
            image = image[:, :, 0] if image.shape[2] == 2 else cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
        if self.filter.gray and image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.ascontiguousarray(image), alpha


def to_8_bits(image: Image) -> Image:
    """16 bits a sample to the nearest of 8 (65535 becomes 255); 8 bits stay as they are."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


_NAME = re.compile(r"[a-z0-9_]{1,64}")
_filters: dict[str, Filter] = {}


def _nothing(**_values: Any) -> None:
    return None


def register(
    name: str,
    *,
    merge: Merge,
    alpha: Alpha = Alpha.KEPT,
    deep: bool = True,
    gray: bool = False,
    bilevel: bool = False,
    refuses: Callable[..., str | None] = _nothing,
    **parameters: Parameter,
) -> Callable[[Callable[..., Image]], Callable[..., Image]]:
    """Decorate function(image, **parameters) -> image, which must not change its input. Raises ValueError for a name
    that is taken, or that is not 1 to 64 lower-case letters, digits and _."""

    def decorate(function: Callable[..., Image]) -> Callable[..., Image]:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a filter: 1 to 64 lower-case letters, digits and _")
        if name in _filters:
            raise ValueError(f"there is a filter {name!r} already")
        _filters[name] = Filter(name, function, parameters, merge, alpha, deep, gray, bilevel, refuses)
        return function

    return decorate


def _known() -> Mapping[str, Filter]:
    """All filters, those of plugins too."""
    load_plugins(_filters)
    return _filters


def names() -> tuple[str, ...]:
    return tuple(sorted(_known()))


def catalogue() -> tuple[Filter, ...]:
    return tuple(_known()[name] for name in names())


def check_recipe(recipe: Recipe) -> None:
    """Raise RecipeError, with every problem, unless this process can run the recipe."""
    found = (
        f"Output {output.name!r}, step {number}: {problem}"
        for output in recipe.outputs
        for number, step in enumerate(output.steps, 1)
        for problem in check_filter(step.filter, dict(step.parameters))
    )
    if problems := tuple(found):
        raise RecipeError(*problems)


def check_filter(name: str, parameters: Mapping[str, Value | None]) -> Iterator[str]:
    """What is wrong with a step, a sentence each: a common.jobs.recipe_file.Check."""
    found = _known().get(name)
    if found is None:
        yield f"There is no filter {name!r}: {did_you_mean(name, names())}"
        return
    if problems := tuple(_parameter_problems(found, parameters)):
        yield from problems
    elif None not in parameters.values() and (wrong := found.refuses(**_values(found, parameters))):
        yield f"Filter {name!r} {wrong}."


def bind(step: Step) -> Bound:
    """The step ready to run. Raises RecipeError, with every problem."""
    parameters = dict(step.parameters)
    if problems := tuple(check_filter(step.filter, parameters)):
        raise RecipeError(*problems)
    found = _known()[step.filter]
    return Bound(found, _values(found, parameters))


def _values(found: Filter, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in found.parameters.items()} | dict(parameters)


def _parameter_problems(found: Filter, given: Mapping[str, Value | None]) -> Iterator[str]:
    for name, value in given.items():
        if name not in found.parameters:
            yield f"Filter {found.name!r} has no parameter {name!r}: {did_you_mean(name, tuple(found.parameters))}"
        elif value is not None and (wrong := found.parameters[name].check(value)):
            yield f"Parameter {name!r} of filter {found.name!r} {wrong}."
    for name, parameter in found.parameters.items():
        if parameter.default is None and name not in given:
            yield f"Filter {found.name!r} needs the parameter {name!r}: {parameter.describe()}."
