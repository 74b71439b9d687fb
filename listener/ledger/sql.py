"""What every room that speaks SQL to a ledger needs: named statements, names as bytes, and errors in words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from importlib import resources

from filterfleet.common.errors import FleetError

DAMAGED = " `filterfleet ledger check` says what can be done."


def text_of(name: str) -> str:
    """A file of this package."""
    return resources.files(__package__).joinpath(name).read_text()


def named_statements(name: str) -> dict[str, str]:
    """The statements of an SQL file in this package, by name."""
    _, *blocks = text_of(name).split("-- name: ")
    return {name.strip(): statement for name, statement in (block.split("\n", 1) for block in blocks)}


def octets(text: str) -> bytes:
    """A name need not be valid UTF-8: it is bound as bytes, and cast to TEXT in SQL."""
    return text.encode("utf-8", "surrogateescape")


def text(data: bytes) -> str:
    """The same the other way round."""
    return data.decode("utf-8", "surrogateescape")


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that a file is no whole ledger, rather than that it cannot be had."""
    code = getattr(error, "sqlite_errorcode", None)  # the errors of Python's own module have none
    return isinstance(error, sqlite3.Error) and code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Raises FleetError for what SQLite raises."""
    try:
        yield
    except sqlite3.Error as error:
        raise FleetError(f"The ledger cannot be used: {error}.{DAMAGED if is_damage(error) else ''}") from None
