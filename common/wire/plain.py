"""Plain values that are only shown or stored: the reports of results, and of the broker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from filterfleet.common.errors import ProtocolError
from filterfleet.common.text import printable

NESTING = 8  # levels that a plain map may have
COLUMNS_LIMIT = 64  # of a report in columns
_CELLS = frozenset({type(None), bool, int, float, str})  # what may stand in a column
_read = msgspec.msgpack.Decoder(dict[str, Any]).decode
_read_columns = msgspec.msgpack.Decoder(dict[str, list[bool | int | float | str | None]]).decode


def plain_map(raw: msgspec.Raw, most: int) -> Mapping[str, Any]:
    """A map with text keys, of at most `most` values, characters and bytes in all, and NESTING levels.

    What comes out of it can be shown, and written as JSON: texts are printable, and None takes the place of whatever
    JSON does not know (bytes, a number that is not finite). Raises ProtocolError.
    """
    if len(raw) > 9 * most:  # the longest value has 9 bytes; so what is refused has not taken much
        raise ProtocolError("a map of plain values is too large")
    value = _read(raw)
    if _weight(value, NESTING) > most:
        raise ProtocolError("expected a map with text keys, neither large nor deeply nested")
    plain: Mapping[str, Any] = _plain(value)
    return plain


def plain_columns(raw: msgspec.Raw, rows: int, most: int) -> Mapping[str, Sequence[Any]]:
    """The same for a map of columns with one plain value for each of these rows. Raises ProtocolError."""
    if len(raw) > 9 * most:
        raise ProtocolError("a report in columns is too large")
    columns = _read_columns(raw)
    if len(columns) > COLUMNS_LIMIT or any(len(column) != rows for column in columns.values()):
        raise ProtocolError(f"expected at most {COLUMNS_LIMIT} columns of the same length")
    plain = {printable(key): _plain_column(column) for key, column in columns.items()}
    texts = sum(len(cell) for column in plain.values() if str in set(map(type, column)) for cell in map(str, column))
    if sum(map(len, plain)) + len(plain) * rows + texts > most:
        raise ProtocolError("a report in columns is too large")
    return plain


def may_be_column(value: Any) -> bool:
    """Whether such a value can stand in a column."""
    return type(value) in _CELLS


def _plain_column(column: list[Any]) -> list[Any]:
    kinds = set(map(type, column))
    if kinds <= {int, float}:
        plain = math.isfinite(sum(column))  # it is not finite if one of them is not
    else:
        plain = kinds == {str} and printable("".join(column)) == "".join(column)
    return column if plain else [_plain(cell) for cell in column]


def _small(column: list[float]) -> bool:
    return min(column) > -1e300 and max(column) < 1e300


def _weight(value: Any, levels: int) -> float:
    """The number of values, characters and bytes; infinite when there are more levels than that."""
    if isinstance(value, str):
        return 1 + len(value if value.isprintable() else printable(value))
    if isinstance(value, bytes):
        return 1 + len(value)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return math.inf
        inner = (*value.keys(), *value.values())
    elif isinstance(value, list):
        inner = tuple(value)
    else:
        return 1
    return 1 + sum(_weight(one, levels - 1) for one in inner) if levels > 0 else math.inf


def _plain(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int():
            return value
    return None
