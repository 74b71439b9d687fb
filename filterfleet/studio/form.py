"""What the studio shows of filters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from filterfleet.common.jobs.recipe import Value
from filterfleet.worker.filters import Filter, catalogue
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

_PIXELS = 400  # what a required number of pixels begins with


def described() -> list[dict[str, Any]]:
    """Every filter with its parameters, as plain values. A filter is left out if it needs a value of a kind that a
    plugin has invented: there is nothing to begin with; and if its plugin fails to say what it takes, which
    `filters --check` tells."""
    found = []
    for each in catalogue():
        with contextlib.suppress(Exception):
            found.append(_filter(each))
    return [shown for shown in found if shown is not None]


def _filter(found: Filter) -> dict[str, Any] | None:
    parameters = [_parameter(name, each) for name, each in found.parameters.items()]
    if not all("initial" in each for each in parameters):
        return None
    _begin(found, parameters)
    return {"name": found.name, "summary": found.summary, "details": found.details, "parameters": parameters}


def _begin(found: Filter, parameters: list[dict[str, Any]]) -> None:
    """Where the defaults do not do together, as with a crop that needs some size, one number of them is another."""
    initial = {each["name"]: each["initial"] for each in parameters}
    if None in initial.values() or not found.refuses(**initial):
        return
    for each in parameters:
        if each["kind"] == "integer" and not found.refuses(**initial | {each["name"]: _PIXELS}):
            each["initial"] = min(max(_PIXELS, each["minimum"]), each["maximum"])
            return


def _parameter(name: str, parameter: Parameter) -> dict[str, Any]:
    default = parameter.default
    shown = {"name": name, "takes": parameter.describe(), "default": _plain(default), **dict(_kind(parameter))}
    if default is not None and not isinstance(default, bytes):
        shown["initial"] = shown["default"]
    return shown


def _kind(parameter: Parameter) -> Iterator[tuple[str, Any]]:
    """Its control, its range, and what it begins with if it has no default."""
    match parameter:
        case Integer():
            yield from _range("integer", parameter)
            yield "odd", parameter.odd
            yield "initial", min(max(_PIXELS, parameter.minimum), parameter.maximum)
        case Number():
            yield from _range("number", parameter)
            yield "initial", min(max(1.0, parameter.minimum), parameter.maximum)
        case Boolean():
            yield from (("kind", "boolean"), ("initial", False))
        case Choice():
            yield from (("kind", "choice"), ("choices", list(parameter.choices)), ("initial", parameter.choices[0]))
        case Text():
            yield from (("kind", "text"), ("most", parameter.limit), ("initial", "filterfleet"))
        case Color():
            yield from (("kind", "color"), ("initial", "#808080"), ("word", parameter.word))
        case Kernel():
            yield from (("kind", "numbers"), ("initial", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]))
        case Points():
            yield from (("kind", "numbers"), ("initial", [[0, 0], [50, 60], [100, 100]]))
        case Picture():
            yield from (("kind", "picture"), ("initial", None))
        case _:
            yield "kind", "text" if isinstance(parameter.default, str) else "numbers"


def _range(kind: str, parameter: Integer | Number) -> Iterator[tuple[str, Any]]:
    yield "kind", kind
    yield "minimum", parameter.minimum
    yield "maximum", parameter.maximum
    yield "unit", parameter.unit


def _plain(value: Value | None) -> Any:
    match value:
        case bytes():
            return None
        case tuple():
            return [_plain(each) for each in value]
    return value
