"""Checks of single fields. Each returns the value in its final type or raises ProtocolError."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from filterfleet.common.errors import ProtocolError
from filterfleet.common.text import one_line, printable

Check = Callable[[Any], Any]
NESTING = 8  # levels that a plain map may have


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


def words(maximum: int) -> Check:
    """A text that people are shown: it comes out as one printable line of at most `maximum` characters."""
    as_sent = text(maximum)

    def check(value: Any) -> str:
        return one_line(as_sent(value), maximum)

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


def seconds(maximum: float, minimum: float = 0.0) -> Check:
    def check(value: Any) -> float:
        if type(value) in (int, float) and math.isfinite(value) and minimum <= value <= maximum:
            return float(value)
        raise ProtocolError(f"expected {minimum:g} to {maximum:g} seconds")

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


def plain_map(most: int) -> Check:
    """A map with text keys that is only shown or stored: at most `most` values, characters and bytes in all.

    It has at most NESTING levels, because not every msgpack can write a deeper one again. What comes out of it can be
    shown, and written as JSON: texts are printable, and None takes the place of whatever JSON does not know (bytes, a
    number that is not finite).
    """

    def check(value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _weight(value, NESTING) <= most:
            plain: Mapping[str, Any] = _plain(value)
            return plain
        raise ProtocolError("expected a map with text keys, neither large nor deeply nested")

    return check


def _weight(value: Any, levels: int) -> float:
    """The number of values, characters and bytes; infinite when there are more levels than that."""
    if isinstance(value, str):
        return 1 + len(value if value.isprintable() else printable(value))
    if isinstance(value, bytes):
        return 1 + len(value)
    if not isinstance(value, dict | list):
        return 1
    inner = (*value.keys(), *value.values()) if isinstance(value, dict) else value
    return 1 + sum(_weight(one, levels - 1) for one in inner) if levels > 0 else math.inf


def _plain(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable(str(key)): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int():
            return value
    return None
