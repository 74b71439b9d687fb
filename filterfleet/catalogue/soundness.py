"""What is wrong with a filter, as its author should know before a photograph fails: what it declares, and what it makes
of tiny images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from filterfleet.catalogue.declarations import declared_faults
from filterfleet.catalogue.samples import values_of
from filterfleet.common.errors import FilterError, ImageError
from filterfleet.common.text import one_line
from filterfleet.worker.filters import Bound, Filter, catalogue
from filterfleet.worker.filters.merge import Gathered, Measured, Resizing, Rows
from filterfleet.worker.pixels.image import Image
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


def faults(found: Filter) -> Iterator[str]:
    """Each fault as a sentence that names the filter. A filter whose declaration is wrong is not tried."""
    declared = list(declared_faults(found))
    yield from declared
    if not declared:
        yield from _tried(found)


def _tried(found: Filter) -> Iterator[str]:
    """The first fault of each set of values."""
    for values in values_of(found):
        yield from itertools.islice(_tried_with(Bound(found, values)), 1)


def _tried_with(bound: Bound) -> Iterator[str]:
    for (height, width), channels, bits in itertools.product(_SIZES, _KINDS, _DEPTHS):
        image = _image(height, width, channels, bits)
        kind = f"an image of {width} x {height} pixels, {_KINDS[channels]}, {bits} bits"
        results, fault = _results(bound, (partial(bound, image), partial(bound, image)))
        if fault:
            yield f"{fault} It was tried on {kind}{_with(bound.values)}."
        elif results and not np.array_equal(results[0], results[1]):
            yield f"The filter {bound.filter.name!r} makes different results of the same image: {kind}."
        elif results and bound.filter.bilevel and not np.isin(results[0], (0, 255)).all():
            name = bound.filter.name
            yield f"The filter {name!r} is registered with bilevel=True, but returns more than 0 and 255: {kind}."
        elif results and (other := _other_size(bound, results[0], (width, height))):
            yield f"{other} It was tried on {kind}{_with(bound.values)}."
    if isinstance(bound.filter.merge, Rows | Measured):
        yield from _strips(bound)


def _other_size(bound: Bound, result: Image, size: tuple[int, int]) -> str | None:
    """That the result has not the size that the merge rule says, for an image of this width and height."""
    merge = bound.filter.merge
    if not isinstance(merge, Resizing):
        return None
    try:
        said = merge.target(*size, **bound.values)
    except ImageError:
        return None
    (height, width), exact = result.shape[:2], not isinstance(merge, Gathered) or merge.certain
    if (width, height) == said or (not exact and width <= said[0] and height <= said[1]):
        return None
    return (
        f"The filter {bound.filter.name!r} makes an image of {width} x {height} pixels, where its merge rule says "
        f"{said[0]} x {said[1]}."
    )


def _strips(bound: Bound) -> Iterator[str]:
    image = _image(*_TALL, 3, 8)
    results, fault = _results(bound, (partial(joined, bound, image, _STRIP), partial(bound, image)))
    if fault:
        yield f"{fault} It was tried on strips of an image{_with(bound.values)}."
    elif results and not np.array_equal(results[0], results[1]):
        yield (
            f"The results of filter {bound.filter.name!r} on strips do not join to its result on the whole "
            f"image{_with(bound.values)}: its merge rule is wrong, and Whole is always right."
        )


def _results(bound: Bound, runs: tuple[Callable[[], Image], ...]) -> tuple[list[Image], str | None]:
    """What they return, and why one fails, as a sentence. Nothing of both if the filter says that it cannot take the
    image."""
    try:
        return [run() for run in runs], None
    except ImageError:
        return [], None
    except FilterError as error:
        return [], str(error)
    except Exception as error:  # noqa: BLE001 - other people's code may raise anything
        name = bound.filter.name
        where = "".join(getattr(error, "__notes__", (f"in what filter {name!r} is registered with",))[:1])
        return [], f"{where.removeprefix('in ').capitalize()} fails: {_said(error)}."


def _image(height: int, width: int, channels: int, bits: int) -> Image:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(7).integers(0, 1 << bits, shape, _DEPTHS[bits], endpoint=False)


def _with(values: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name} = {value!r}" for name, value in values.items() if not isinstance(value, bytes))
    return f" with {one_line(shown, 120)}" if shown else ""


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200).rstrip(".")
