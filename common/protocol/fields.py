"""Checks of single fields. Each returns the value in its final type or raises ProtocolError."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from common.errors import ProtocolError

Check = Callable[[Any], Any]
NESTING = 8  # levels of a plain map


def octets(maximum: int, minimum: int = 0) -> Check:
    def check(value: Any) -> bytes:
        if isinstance(value, bytes) and minimum <= len(value) <= maximum:
            return value
        raise ProtocolError(f"expected {minimum} to {maximum} bytes")

    return check


def text(maximum: int) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and len(value) <= maximum:
            return value
        raise ProtocolError(f"expected a text of at most {maximum} characters")

    return check


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ProtocolError(f"expected one of {', '.join(choices)}")

    return check


def integer(minimum: int, maximum: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is int and minimum <= value <= maximum:
            return value
        raise ProtocolError(f"expected an integer from {minimum} to {maximum}")

    return check


def seconds(maximum: float) -> Check:
    def check(value: Any) -> float:
        if type(value) in (int, float) and math.isfinite(value) and 0 <= value <= maximum:
            return float(value)
        raise ProtocolError(f"expected 0 to {maximum} seconds")

    return check


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ProtocolError("expected true or false")


def sequence(item: Check, maximum: int) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if isinstance(value, list) and len(value) <= maximum:
            return tuple(item(element) for element in value)
        raise ProtocolError(f"expected a list of at most {maximum}")

    return check


def plain_map(value: Any) -> Mapping[str, Any]:
    """A map with text keys, not deeply nested; its values are only ever shown or stored, and their size is
    the header's. Deeper ones could be read, but not every msgpack can write them again."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _shallow(value, NESTING):
        return value
    raise ProtocolError("expected a map with text keys, not deeply nested")


def _shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return levels > 0 and all(_shallow(inner, levels - 1) for inner in value)
