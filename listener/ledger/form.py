"""The tables of a ledger, and how those of an older version become them."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from filterfleet.common.errors import FleetError

FORM = 2  # the version of the tables: PRAGMA user_version in schema.sql. The one before never left development.
# Columns that came later: table, name and kind. The version of the tables is the same with and without them, because
# programs that do not know them write into such tables as well.
LATER = (("results", "notes", "TEXT"), ("objects", "ctime_ns", "INTEGER"), ("objects", "inode", "INTEGER"))


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
        else:
            for table, column, kind in _missing(db):
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _missing(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Those of LATER that the tables do not have."""
    columns = {(table, row[1]) for table in ("objects", "results") for row in db.execute(f"PRAGMA table_info({table})")}
    return [later for later in LATER if later[:2] not in columns]


def text_of(name: str) -> str:
    """A file of this package."""
    return resources.files(__package__).joinpath(name).read_text()
