"""A ledger for somebody who only reads it, while a listener may be running."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.common.wire import OutputFile
from filterfleet.listener.ledger.form import form_of, is_counted
from filterfleet.listener.ledger.outputs import from_text
from filterfleet.listener.ledger.sql import DAMAGED, is_damage, octets, text

PAGE = 1000  # rows

_SOURCES = "SELECT source FROM counts UNION SELECT source FROM listed ORDER BY source"
_SOURCES_UNCOUNTED = "SELECT source FROM objects UNION SELECT source FROM listed ORDER BY source"
_KNOWS = """
SELECT 1 FROM objects WHERE source = CAST(:source AS TEXT)
AND (path = CAST(:path AS TEXT) OR (path > CAST(:below AS TEXT) AND path < CAST(:beyond AS TEXT))) LIMIT 1
"""
_MADE = """
SELECT path, outputs, {sums}, departure IS NULL, finished_at
FROM results JOIN objects USING (source, path, size, mtime_ns, tag, recipe)
WHERE source = CAST(:source AS TEXT) AND state = 'done' AND path > CAST(:after AS TEXT) ORDER BY path LIMIT :page
"""


@dataclass(frozen=True, slots=True)
class Made:
    """The outputs of an object that is done. sums: the CRC-32 of each, or None where they are not known. at_source: the
    object is still there, so that its outputs can be made again. finished_at: in seconds since the epoch."""

    path: str
    outputs: tuple[OutputFile, ...]
    sums: tuple[int, ...] | None
    at_source: bool
    finished_at: float


@contextlib.contextmanager
def reader(file: Path) -> Iterator[sqlite3.Connection]:
    """The ledger; nothing can be written. Raises FleetError, also for what SQLite raises in the context."""
    shown = printable(str(file))
    try:
        if not file.is_file():
            hint = "name the folder of the results with --output, or that of the ledger with --state"
            raise FleetError(f"There is no ledger {shown}: {hint}.")
        with contextlib.closing(opened(file)) as db:
            if form_of(db, file) == 0:
                raise FleetError(f"{shown} is not a ledger.")
            yield db
    except sqlite3.Error as error:
        raise FleetError(f"The ledger {shown} cannot be read: {error}.{DAMAGED if is_damage(error) else ''}") from None
    except OSError as error:
        raise FleetError(f"The ledger {shown} cannot be read: {error.strerror}.") from None


def sources_of(db: sqlite3.Connection) -> list[str]:
    """The names of all sources in the ledger."""
    return [source for (source,) in db.execute(_SOURCES if is_counted(db) else _SOURCES_UNCOUNTED)]


def knows(db: sqlite3.Connection, source: str, path: str) -> bool:
    """Whether the ledger has an object with this path below the source, or one in this folder."""
    names = {"source": source, "path": path, "below": f"{path}/", "beyond": f"{path}0"}  # 0 follows / in ASCII
    return db.execute(_KNOWS, {name: octets(value) for name, value in names.items()}).fetchone() is not None


def made(db: sqlite3.Connection, source: str) -> Iterator[Made]:
    """Every object of the source whose present version is done, by path. They are read a page at a time: a reader that
    holds a snapshot for long makes the log of a busy ledger grow."""
    columns = {name for _, name, *_ in db.execute("PRAGMA table_info(results)")}
    query = _MADE.format(sums="sums" if "sums" in columns else "NULL")
    after = ""
    while rows := db.execute(query, {"source": octets(source), "after": octets(after), "page": PAGE}).fetchall():
        for path, outputs, sums, at_source, finished_at in rows:
            files = from_text(outputs)
            known = tuple(json.loads(sums)) if sums else None
            sums_known = known if known and len(known) == len(files) else None
            yield Made(path, files, sums_known, bool(at_source), finished_at)
        after = rows[-1][0]


def opened(file: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    # SQLite's log lies beside a ledger that somebody has open. Where there is none, a reader would leave one behind,
    # and it might belong to another user.
    in_use = file.with_name(f"{file.name}-wal").exists()
    db = sqlite3.connect(f"{file.absolute().as_uri()}?{'mode=ro' if in_use else 'immutable=1'}", uri=True)
    db.text_factory = text
    return db
