"""The tables of a ledger, and how those of an older version become them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.listener.ledger.minutes import fill_minutes
from filterfleet.listener.ledger.sql import text_of

FORM = 2  # the version of the tables: PRAGMA user_version. The one before never left development.

LATER = (
    ("results", "notes", "TEXT"),
    ("results", "sums", "TEXT"),
    ("objects", "at", "REAL"),
    ("objects", "ctime_ns", "INTEGER"),
    ("objects", "inode", "INTEGER"),
    ("objects", "job_id", "TEXT"),
    ("attempts", "how", "TEXT"),
)  # columns that came later

# The first of the tables that came later. Triggers count in it, also for a program that does not know of it.
COUNTED = "counts"
_FILL = (
    "UPDATE objects SET at = 0 WHERE at IS NULL AND state <> 'done'",
    """INSERT INTO counts SELECT source, recipe, state, count(*) FROM objects
    WHERE departure IS NOT 'theirs' GROUP BY source, recipe, state""",
    """INSERT INTO reasons SELECT source, recipe, ifnull(reason, ''), count(*) FROM objects
    WHERE state = 'failed' GROUP BY source, recipe, ifnull(reason, '')""",
    """INSERT INTO sources (source, recipe) SELECT source, recipe FROM objects
    WHERE rowid IN (SELECT max(rowid) FROM objects GROUP BY source)""",
)


def form_of(db: sqlite3.Connection, file: Path) -> int:
    """The version of the tables; 0 if there are none. Raises FleetError for a newer one, and sqlite3.Error."""
    (form,) = db.execute("PRAGMA user_version").fetchone()
    if form > FORM:
        raise FleetError(f"The ledger {file} was made by a newer version of filterfleet: use that one.")
    return int(form)


def is_counted(db: sqlite3.Connection) -> bool:
    """Whether the ledger has been opened by a listener that counts. Raises sqlite3.Error."""
    return has_table(db, COUNTED)


def has_table(db: sqlite3.Connection, name: str) -> bool:
    """Raises sqlite3.Error."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def make_tables(db: sqlite3.Connection, file: Path) -> None:
    """Make the tables where they are missing, and change older ones, whose work is kept. Raises FleetError for a newer
    version, and sqlite3.Error.
    """
    if form_of(db, file) < FORM or not is_counted(db) or _missing(db):
        _migrate(db, file)


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """All of it or nothing, and once, though two processes may open the ledger at the same time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if form_of(db, file) < FORM:
            for table in ("objects", "results", COUNTED):
                db.execute(f"DROP TABLE IF EXISTS {table}")
        for table, column, kind in _missing(db):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        first = not is_counted(db)
        for statement in statements(text_of("schema.sql")):
            db.execute(statement)
        if first:
            for statement in _FILL:
                db.execute(statement)
            fill_minutes(db)
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _missing(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """(table, column, type) of the later columns that the tables do not have. The version of the tables is the same
    with and without them, because programs that do not know them write into such tables as well.
    """
    has = {table: {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")} for table, *_ in LATER}
    return [(table, column, kind) for table, column, kind in LATER if has[table] and column not in has[table]]


def statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, which executescript() would run outside of our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
