"""What is wrong with a filter, as its author should know before a photograph fails: what it declares, and what it makes
of tiny images."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from filterfleet.common.errors import FilterError, ImageError
from filterfleet.common.jobs.recipe import Recipe, Value
from filterfleet.common.text import one_line
from filterfleet.worker.filters import Bound, Filter, catalogue
from filterfleet.worker.filters.merge import Measured, Moved, Rows
from filterfleet.worker.filters.parameters import (
    Boolean,
    Choice,
    Color,
    Integer,
    Kernel,
    Number,
    Parameter,
    Picture,
    Points,
    Text,
)
from filterfleet.worker.filters.registry import Alpha
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.check import joined

_OURS = "filterfleet.worker.filters."
_SIZES = ((1, 1), (1, 7), (5, 1), (12, 9))  # rows and columns of the images that a filter is tried on
_KINDS = {1: "gray", 2: "gray with transparency", 3: "colour", 4: "colour with transparency"}
_DEPTHS = {8: np.uint8, 16: np.uint16}
_TALL, _STRIP = (150, 9), 64  # of the image that is cut into strips, and of those


def shipped() -> tuple[Filter, ...]:
    """All filters except those of plugins."""
    return tuple(found for found in catalogue() if is_shipped(found))


def is_shipped(found: Filter) -> bool:
    return (found.function.__module__ or "").startswith(_OURS)


def faults_of(recipe: Recipe) -> Iterator[str]:
    """What is wrong with the filters of plugins in a recipe."""
    for found in catalogue():
        if found.name in recipe.filters and not is_shipped(found):
            yield from faults(found)


def faults(found: Filter) -> Iterator[str]:
    """Each fault as a sentence that names the filter. A filter whose declaration is wrong is not tried."""
    declared = list(_declared(found))
    yield from declared
    if not declared:
        yield from _tried(found)


# --- what it declares ----


def _declared(found: Filter) -> Iterator[str]:
    if not found.summary:
        yield f"The filter {found.name!r} has no docstring: its first line says in the catalogue what the filter does."
    for name, parameter in found.parameters.items():
        where = f"Parameter {name!r} of filter {found.name!r}"
        try:
            wrong = None if parameter.default is None else parameter.check(parameter.default)
            parameter.describe()
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything
            yield f"{where} cannot be checked: {_said(error)}."
            continue
        if wrong:
            yield f"{where} has a default that a recipe could not give: it {wrong}."
    yield from _signature(found)


def _signature(found: Filter) -> Iterator[str]:
    try:
        signature = inspect.signature(found.function)
    except (TypeError, ValueError):  # a function of C does not say
        return
    given = {*found.parameters, *_extra(found)}
    kinds = [each.kind for each in signature.parameters.values()]
    takes = [name for name, each in signature.parameters.items() if each.kind is not each.VAR_KEYWORD][1:]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        for name in sorted(given - set(takes)):
            yield f"The function of filter {found.name!r} does not take {name!r}, which it is called with."
    for name in takes:
        each = signature.parameters[name]
        if name not in given and each.default is each.empty and each.kind is not each.VAR_POSITIONAL:
            yield f"The function of filter {found.name!r} takes {name!r}, which is not registered as a parameter."


def _extra(found: Filter) -> Iterator[str]:
    """What the function gets beside its parameters."""
    if found.alpha in (Alpha.WEIGHED, Alpha.ON_WHITE):
        yield "alpha"
    if isinstance(found.merge, Moved) or (isinstance(found.merge, Rows) and found.merge.positioned):
        yield "place"


# --- what it does ----


def _tried(found: Filter) -> Iterator[str]:
    """The first fault of each set of values."""
    for values in _values(found):
        yield from itertools.islice(_tried_with(Bound(found, values)), 1)


def _values(found: Filter) -> Iterator[dict[str, Any]]:
    """The defaults, with a sample for what has none; then each word and each true or false in turn."""
    usual = {
        name: _sample(parameter) if parameter.default is None else parameter.default
        for name, parameter in found.parameters.items()
    }
    if None in usual.values():
        return  # a kind of its author's own, of which nothing is known but its default
    tries = [usual]
    for name, parameter in found.parameters.items():
        tries += [usual | {name: other} for other in _others(parameter) if other != usual[name]]
    for values in tries:
        if not found.refuses(**values):
            yield values


def _sample(parameter: Parameter) -> Value | None:
    match parameter:
        case Integer():
            return parameter.minimum + (parameter.odd and parameter.minimum % 2 == 0)
        case Number():
            return parameter.minimum
        case Boolean():
            return False
        case Choice():
            return parameter.choices[0]
        case Text():
            return "x"
        case Color():
            return "#336699"
        case Kernel():
            return ((1,),)
        case Points():
            return ((0, 0), (100, 100))
        case Picture():
            return bytes(cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1])
    return None


def _others(parameter: Parameter) -> tuple[Value, ...]:
    match parameter:
        case Boolean():
            return (False, True)
        case Choice():
            return parameter.choices
    return ()


def _tried_with(bound: Bound) -> Iterator[str]:
    for (height, width), channels, bits in itertools.product(_SIZES, _KINDS, _DEPTHS):
        image = _image(height, width, channels, bits)
        kind = f"an image of {width} x {height} pixels, {_KINDS[channels]}, {bits} bits"
        results, fault = _results((partial(bound, image), partial(bound, image)))
        if fault:
            yield f"{fault} It was tried on {kind}{_with(bound.values)}."
        elif results and not np.array_equal(results[0], results[1]):
            yield f"The filter {bound.filter.name!r} makes different results of the same image: {kind}."
    if isinstance(bound.filter.merge, Rows | Measured):
        yield from _strips(bound)


def _strips(bound: Bound) -> Iterator[str]:
    image = _image(*_TALL, 3, 8)
    results, fault = _results((partial(joined, bound, image, _STRIP), partial(bound, image)))
    if fault:
        yield f"{fault} It was tried on strips of an image{_with(bound.values)}."
    elif results and not np.array_equal(results[0], results[1]):
        yield (
            f"The results of filter {bound.filter.name!r} on strips do not join to its result on the whole "
            f"image{_with(bound.values)}: its merge rule is wrong, and Whole is always right."
        )


def _results(runs: tuple[Callable[[], Image], ...]) -> tuple[list[Image], str | None]:
    """What they return, and why one fails, as a sentence. Nothing of both if the filter says that it cannot take the
    image."""
    try:
        return [run() for run in runs], None
    except ImageError:
        return [], None
    except FilterError as error:
        return [], str(error)
    except Exception as error:  # noqa: BLE001 - other people's code may raise anything
        where = "".join(getattr(error, "__notes__", ("in what it is registered with",))[:1])
        return [], f"{where.removeprefix('in ').capitalize()} fails: {_said(error)}."


def _image(height: int, width: int, channels: int, bits: int) -> Image:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(7).integers(0, 1 << bits, shape, _DEPTHS[bits], endpoint=False)


def _with(values: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name} = {value!r}" for name, value in values.items() if not isinstance(value, bytes))
    return f" with {one_line(shown, 120)}" if shown else ""


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200).rstrip(".")
