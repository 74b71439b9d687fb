"""Takes the secrets out of a ledger that an earlier version wrote: a source in a cloud was kept as the user had typed
it, with all options of its connection string."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.listener.settings.connection import mask


def forget_secrets(file: Path) -> None:
    """Replace each source by what mask() makes of it, and overwrite what was there. Rows of two sources that become one
    are merged: either row will do, since what it lacks is looked at again. Raises FleetError."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.text_factory = bytes
            found = [
                (table, source, masked)
                for table in _tables(database)
                for source in _sources(database, table)
                if (masked := _masked(source)) != source
            ]
            if found:
                _replace(database, found)
    except sqlite3.OperationalError as error:
        raise FleetError(f"The ledger {file} cannot be opened: {error}.") from None
    except sqlite3.DatabaseError:
        return  # it is damaged, and whatever opens it next has the sentence for that


def _replace(database: sqlite3.Connection, found: list[tuple[str, bytes, bytes]]) -> None:
    database.execute("PRAGMA secure_delete = ON")
    with database:
        for table, source, masked in found:
            names = {"old": source, "new": masked}
            database.execute(
                f"UPDATE OR IGNORE {table} SET source = CAST(:new AS TEXT) WHERE source = CAST(:old AS TEXT)",  # noqa: S608
                names,
            )
            database.execute(f"DELETE FROM {table} WHERE source = CAST(:old AS TEXT)", names)  # noqa: S608
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log has copies of the pages


def _tables(database: sqlite3.Connection) -> list[str]:
    """The tables whose rows belong to a source, whatever the version of the ledger is."""
    tables = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        table for table in tables if (b"source",) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))
    ]


def _sources(database: sqlite3.Connection, table: str) -> Iterator[bytes]:
    """Each source once. One look into the index for each, however many rows there are."""
    last: bytes | None = b""
    while True:
        (last,) = database.execute(
            f"SELECT min(source) FROM {table} WHERE source > CAST(? AS TEXT)",  # noqa: S608
            (last,),
        ).fetchone()
        if last is None:
            return
        yield last


def _masked(source: bytes) -> bytes:
    return mask(source.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
