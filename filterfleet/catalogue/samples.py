"""Values to try a filter with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from filterfleet.common.jobs.recipe import Value
from filterfleet.worker.filters import Filter
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
from filterfleet.worker.pixels.opencv import cv2


def usual(found: Filter) -> dict[str, Any] | None:
    """The defaults, with a sample for what has none; None if one is of a kind of its author's own, of which nothing is
    known but its default."""
    values = {
        name: sample(parameter) if parameter.default is None else parameter.default
        for name, parameter in found.parameters.items()
    }
    return None if None in values.values() else values


def values_of(found: Filter) -> Iterator[dict[str, Any]]:
    """The usual values; then each word and each true or false in turn. None that the filter refuses."""
    first = usual(found)
    if first is None:
        return
    tries = [first]
    for name, parameter in found.parameters.items():
        tries += [first | {name: other} for other in _others(parameter) if other != first[name]]
    for values in tries:
        if not found.refuses(**values):
            yield values


def sample(parameter: Parameter) -> Value | None:
    """A value that the parameter should take; None for a kind of its author's own, and for one of no words."""
    match parameter:
        case Integer():
            return parameter.minimum + (parameter.odd and parameter.minimum % 2 == 0)
        case Number():
            return parameter.minimum
        case Boolean():
            return False
        case Choice():
            return next(iter(parameter.choices), None)
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
            return tuple(parameter.choices)
    return ()
