"""Filters by name, with their parameters checked before they run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import RecipeError
from common.recipe import Recipe, Scalar, Step

Image = NDArray[np.uint8]  # (height, width) or (height, width, 3) in BGR order


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number from minimum to maximum, both allowed; odd asks for an odd integer."""

    default: int | float
    minimum: float
    maximum: float
    odd: bool = False

    def check(self, value: Scalar) -> str | None:
        """What is wrong with a value, if anything is."""
        kinds = (int,) if isinstance(self.default, int) else (int, float)
        if type(value) not in kinds or not self.minimum <= float(value) <= self.maximum:
            kind = "an integer" if isinstance(self.default, int) else "a number"
            return f"takes {kind} from {self.minimum:g} to {self.maximum:g}, not {value!r}"
        if self.odd and int(value) % 2 == 0:
            return f"takes an odd number, not {value!r}"
        return None


@dataclass(frozen=True, slots=True)
class Filter:
    """bilevel: every pixel of the result is 0 or 255."""

    name: str
    function: Callable[..., Image]
    parameters: Mapping[str, Parameter]
    bilevel: bool = False


_filters: dict[str, Filter] = {}


def register(
    name: str, *, bilevel: bool = False, **parameters: Parameter
) -> Callable[[Callable[..., Image]], Callable[..., Image]]:
    """Decorate function(image, **parameters) -> image, which must not change its input."""

    def decorate(function: Callable[..., Image]) -> Callable[..., Image]:
        _filters[name] = Filter(name, function, parameters, bilevel)
        return function

    return decorate


def names() -> tuple[str, ...]:
    return tuple(sorted(_filters))


def check_recipe(recipe: Recipe) -> None:
    """Raise RecipeError unless this process has every filter of the recipe, with such parameters."""
    for output in recipe.outputs:
        for step in output.steps:
            bind(step)


def bind(step: Step) -> tuple[Filter, Callable[[Image], Image]]:
    """The step's filter, and its function with the parameters filled in. Raises RecipeError."""
    found = _filters.get(step.filter)
    if found is None:
        raise RecipeError(f"There is no filter {step.filter!r}; this worker has {', '.join(names())}.")
    values: dict[str, Any] = {name: parameter.default for name, parameter in found.parameters.items()}
    for name, value in step.parameters:
        if name not in found.parameters:
            known = ", ".join(found.parameters) or "none"
            raise RecipeError(f"Filter {step.filter!r} has no parameter {name!r}; it has {known}.")
        if wrong := found.parameters[name].check(value):
            raise RecipeError(f"Parameter {name!r} of filter {step.filter!r} {wrong}.")
        values[name] = value
    return found, functools.partial(found.function, **values)
