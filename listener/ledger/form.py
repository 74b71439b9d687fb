"""The tables of a ledger, and how those of an older version become them."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from filterfleet.common.errors import FleetError

FORM = 2  # the version of the tables: PRAGMA user_version in schema.sql. The one before never left development.

LATER = (
    ("results", "notes", "TEXT"),
    ("results", "sums", "TEXT"),
    ("objects", "at", "REAL"),
    ("objects", "ctime_ns", "INTEGER"),
    ("objects", "inode", "INTEGER"),
)  # columns that came later


DAMAGED = " `filterfleet ledger check` says what can be done."


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that a file is no whole ledger, rather than that it cannot be had."""
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def form_of(db: sqlite3.Connection, file: Path) -> int:
    """The version of the tables; 0 if there are none. Raises FleetError for a newer one, and sqlite3.Error."""
    (form,) = db.execute("PRAGMA user_version").fetchone()
    if form > FORM:
        raise FleetError(f"The ledger {file} was made by a newer version of filterfleet: use that one.")
    return int(form)


def make_tables(db: sqlite3.Connection, file: Path) -> None:
    """Make the tables where they are missing, and change older ones, whose work is kept. Raises FleetError for a newer
    version, and sqlite3.Error.
    """
    if form_of(db, file) < FORM or _missing(db):
        _migrate(db, file)
    db.executescript(text_of("schema.sql"))


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """All of it or nothing, and once, though two processes may open the ledger at the same time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if form_of(db, file) < FORM:
            db.execute("DROP TABLE IF EXISTS objects")
            db.execute("DROP TABLE IF EXISTS results")
        for table, column, kind in _missing(db):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
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


def text_of(name: str) -> str:
    """A file of this package."""
    return resources.files(__package__).joinpath(name).read_text()
