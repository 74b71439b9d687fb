"""Filters by name. A step's parameters are checked before it runs."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, get_args

import numpy as np

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Recipe, Step, Value
from filterfleet.common.text import did_you_mean
from filterfleet.worker.filters.calling import called, check_result, failing
from filterfleet.worker.filters.merge import Chain, Measured, Merge, Moved, Resampled, Rows
from filterfleet.worker.filters.parameters import Parameter
from filterfleet.worker.filters.plugins import failures, load_plugins
from filterfleet.worker.filters.registering import check_options, check_parameters
from filterfleet.worker.filters.transparency import resized
from filterfleet.worker.pixels.channels import has_alpha, over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import NOTHING_KNOWN, About, Image, Place
from filterfleet.worker.pixels.opencv import cv2

# Problems of a recipe from the wire that one failure tells. A larger value makes a longer sentence; with a smaller one,
# somebody mends a recipe in more rounds.
MOST_PROBLEMS = 20


class Alpha(enum.Enum):
    """What becomes of transparency."""

    KEPT = "kept"  # the function gets the other channels; the alpha channel is added to its result, unchanged
    WEIGHED = "weighed"  # like KEPT, and the function takes alpha=...: the alpha channel (h, w), None in opaque images
    FILTERED = "filtered"  # the function gets all channels
    DROPPED = "dropped"  # the function gets the other channels, laid over white; its result is opaque
    ON_WHITE = "on white"  # like DROPPED, and the function takes alpha=... as with WEIGHED


class Border(enum.Enum):
    """What stands beyond the image's edges, for filters that look there."""

    NONE = "none"  # the filter looks at no neighbours
    MIRRORED = "mirrored"  # the image, mirrored at the middle of its outermost pixels: BORDER_REFLECT_101
    REPEATED = "repeated"  # the outermost pixels
    LEFT_OUT = "left out"  # nothing that counts


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as its module registered it.

    deep(**values): whether the function takes 16 bits per sample; otherwise such images are converted to 8 first.
    gray: the function takes (height, width) only; colour is converted first.
    bilevel: every pixel of the result is 0 or 255.
    keeps_bilevel: it is, when the same is true of every pixel of the image, which is gray and opaque.
    work(**values): the bytes of memory that the function takes for each sample of its image, besides it and the result.
    tints(**values): whether the result of a gray image is colour.
    refuses(**values): what is wrong with the values together, "needs ...", or None. It may be called with values that
    are wrong on their own.
    informed: the function takes about=About(...), what is known of the file besides its pixels.
    space(**values): the colour space of the result, one of worker.formats.spaces.SPACES; None if it stays.
    doubts(**values): why valid values may not do what their author wants, "takes low above high ...", or None.
    """

    name: str
    function: Callable[..., Image]
    parameters: Mapping[str, Parameter]
    merge: Merge
    alpha: Alpha
    deep: Callable[..., bool]
    gray: bool
    bilevel: bool
    keeps_bilevel: bool
    work: Callable[..., float]
    tints: Callable[..., bool]
    border: Border
    refuses: Callable[..., str | None]
    doubts: Callable[..., str | None]
    informed: bool
    space: Callable[..., str | None]

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]

    @property
    def details(self) -> str:
        """The paragraphs of the docstring between its first line and what it raises, on one line."""
        paragraphs = inspect.cleandoc(self.function.__doc__ or "").split("\n\n")[1:]
        return " ".join(" ".join(each.split()) for each in paragraphs if not each.startswith("Raises"))


@dataclass(frozen=True, slots=True)
class Bound:
    """A filter with the values of its parameters: one step of a chain, ready to run."""

    filter: Filter
    values: Mapping[str, Any]
    about: About = NOTHING_KNOWN

    def __call__(self, image: Image, place: Place | None = None) -> Image:
        """The filtered image. The given one is not changed. place says where its rows lie in the whole image; None
        means that it is the whole image. Raises ImageError if the filter cannot take an image like this, and
        FilterError if it breaks its promises.
        """
        merge = self.filter.merge
        if isinstance(merge, Moved) or (isinstance(merge, Rows) and merge.positioned):
            place = place or Place(0, image.shape[1], image.shape[0])
            return self.apply(image, self.filter.function, place=place)
        if isinstance(merge, Resampled):
            return resized(self.prepare(image)[0], partial(self._called, self.filter.function))
        return self.apply(image, self.filter.function)

    def apply(self, image: Image, function: Callable[..., Image], **more: Any) -> Image:
        """function(image, **values, **more) on the image prepared for this filter, with alpha added if it is kept."""
        prepared, alpha = self.prepare(image)
        known = {"about": self.about} if self.filter.informed else {}
        result: Image = self._called(function, prepared, **self.weights(alpha), **known, **more)
        adds_alpha = alpha is not None and self.filter.alpha is not Alpha.ON_WHITE
        check_result(self.filter.name, result, prepared, self.filter.merge, adds_alpha=adds_alpha)
        if alpha is None or not adds_alpha:
            return result
        if alpha.dtype != result.dtype:
            alpha = to_8_bits(alpha)
        return np.dstack([result, alpha])

    def measure(self, merge: Measured, image: Image) -> Any:
        """What the merge rule measures of the image, or of some of its rows."""
        prepared, alpha = self.prepare(image)
        return self._called(merge.measure, prepared, **self.weights(alpha))

    def _called(self, function: Callable[..., Any], image: Image, **more: Any) -> Any:
        return called(self.filter.name, function, image, self.values, **more)

    def weights(self, alpha: Image | None) -> dict[str, Any]:
        """The argument alpha for filters that take it."""
        return {"alpha": alpha} if self.filter.alpha in (Alpha.WEIGHED, Alpha.ON_WHITE) else {}

    def prepare(self, image: Image) -> tuple[Image, Image | None]:
        """The image in the depth and with the channels that the function takes, contiguous; and the alpha channel
        (height, width) to weigh pixels by or to be added to the result, if there is one.
        """
        if image.dtype == np.uint16 and not self.filter.deep(**self.values):
            image = to_8_bits(image)
        alpha: Image | None = None
        if has_alpha(image) and self.filter.alpha is Alpha.ON_WHITE:
            alpha = image[:, :, -1]
        if self.filter.alpha in (Alpha.DROPPED, Alpha.ON_WHITE):
            image = over_white(image)
        if has_alpha(image) and self.filter.alpha is not Alpha.FILTERED:
            alpha = image[:, :, -1]
            image = image[:, :, 0] if image.shape[2] == 2 else cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
        if self.filter.gray and image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.ascontiguousarray(image), alpha


# Bytes for each sample that a filter takes if it does not say: an array of float32. More: fewer images of such filters
# run at once. Less: they take more memory than was set aside.
USUAL_WORK = 4.0

_FUNCTION: Any = Callable  # what is callable, as isinstance() takes it
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_filters: dict[str, Filter] = {}


def _nothing(**_values: Any) -> None:
    return None


def _always(said: Any) -> Callable[..., Any]:
    return lambda **_values: said


def register(
    name: str,
    /,
    *,
    merge: Merge,
    alpha: Alpha = Alpha.KEPT,
    deep: bool | Callable[..., bool] = True,
    gray: bool = False,
    bilevel: bool = False,
    keeps_bilevel: bool = False,
    work: float | Callable[..., float] = USUAL_WORK,
    tints: bool | Callable[..., bool] = False,
    border: Border = Border.NONE,
    refuses: Callable[..., str | None] = _nothing,
    doubts: Callable[..., str | None] = _nothing,
    informed: bool = False,
    space: Callable[..., str | None] = _nothing,
    **parameters: Parameter,
) -> Callable[[Callable[..., Image]], Callable[..., Image]]:
    """Decorates function(image, **values) -> image, which gets an array that it cannot change.

    parameters: the kind of each value, by its name. Filter explains the other options. work and tints may also be a
    value that holds for every image. Raises ValueError if the name is taken, or is not 1 to 64 lower-case letters,
    digits and _, and for an option or a parameter that is not of a kind that this takes.
    """

    def decorate(function: Callable[..., Image]) -> Callable[..., Image]:
        if not callable(function):
            raise ValueError(f"the filter {name!r} is registered for {type(function).__name__}, not for a function")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid filter name: use 1 to 64 lower-case letters, digits and _")
        if name in _filters:
            raise ValueError(f"a filter named {name!r} exists already")
        flags = {"gray": gray, "bilevel": bilevel, "keeps_bilevel": keeps_bilevel}
        flags["informed"] = informed
        check_options(
            name,
            {
                "merge": (merge, get_args(Merge)),
                "alpha": (alpha, Alpha),
                "deep": (deep, (bool, _FUNCTION)),
                "border": (border, Border),
                "work": (work, (int, float, _FUNCTION)),
                "tints": (tints, (bool, _FUNCTION)),
                "refuses": (refuses, _FUNCTION),
                "doubts": (doubts, _FUNCTION),
                "space": (space, _FUNCTION),
                **{option: (value, bool) for option, value in flags.items()},
            },
        )
        check_parameters(name, parameters, merge, informed=informed)
        _filters[name] = Filter(
            name,
            function,
            parameters,
            merge,
            alpha,
            deep if callable(deep) else _always(deep),
            gray,
            bilevel,
            keeps_bilevel,
            work if callable(work) else _always(work),
            tints if callable(tints) else _always(tints),
            border,
            refuses,
            doubts,
            informed,
            space,
        )
        return function

    return decorate


def _known() -> Mapping[str, Filter]:
    """All filters, including those of plugins."""
    load_plugins(_filters)
    return _filters


def load(begins: Callable[[str], None]) -> None:
    """Loads the plugins, if they are not loaded; begins is told the name of each before that."""
    load_plugins(_filters, begins)


def _found(name: str) -> Filter | None:
    """A filter. Those of plugins, which have names of their own, are loaded only for a name that nothing else has."""
    return _filters.get(name) or _known().get(name)


def names() -> tuple[str, ...]:
    """The names of all filters, sorted."""
    return tuple(sorted(_known()))


def catalogue() -> tuple[Filter, ...]:
    """All filters, sorted by name."""
    return tuple(_known()[name] for name in names())


def check_recipe(recipe: Recipe) -> None:
    """Raises RecipeError, with the first problems, unless this process can run the recipe."""
    found = (
        f"Output {output.name!r}, step {number}: {problem}"
        for output in recipe.outputs
        for number, step in enumerate(output.steps, 1)
        for problem in check_filter(step.filter, dict(step.parameters))
    )
    if problems := tuple(islice(found, MOST_PROBLEMS)):
        raise RecipeError(*problems)


def check_filter(name: str, parameters: Mapping[str, Value | None]) -> Iterator[str]:
    """Each problem of a step, as a sentence. None stands for a value whose problems have been reported already. This is
    a common.jobs.recipe_file.Check.
    """
    found = _found(name)
    if found is None:
        suggestion = did_you_mean(name, names(), "`filterfleet filters`")
        yield " ".join([f"There is no filter {name!r}: {suggestion}", *failures()])
        return
    try:
        problems = tuple(_parameter_problems(found, parameters))
        if not problems and None not in parameters.values() and (wrong := found.refuses(**_values(found, parameters))):
            problems = (f"Filter {name!r} {wrong}.",)
    except Exception as error:  # noqa: BLE001 - a plugin checks with functions and kinds of its own
        problems = (failing(name, error, "to check its parameters"),)
    yield from problems


def doubts(recipe: Recipe) -> Iterator[str]:
    """What a checked recipe asks for that its author may not want, a sentence each."""
    for output in recipe.outputs:
        for number, step in enumerate(output.steps, 1):
            bound = bind(step)
            if doubt := bound.filter.doubts(**bound.values):
                yield f"Output {output.name!r}, step {number}: filter {step.filter!r} {doubt}."


def bind(step: Step) -> Bound:
    """The step ready to run. Raises RecipeError, with every problem."""
    parameters = dict(step.parameters)
    if problems := tuple(check_filter(step.filter, parameters)):
        raise RecipeError(*problems)
    found = _filters[step.filter]
    return Bound(found, _values(found, parameters))


def spelled_out(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, with those that a filter is short for in its place. Raises RecipeError."""
    for step in steps:
        bound = bind(step)
        if isinstance(bound.filter.merge, Chain):
            yield from spelled_out(bound.filter.merge.steps(**bound.values))
        else:
            yield step


def _values(found: Filter, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters, and the defaults of the others."""
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
