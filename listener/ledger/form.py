"""The tables of a ledger, and how those of an older version become them."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from filterfleet.common.errors import FleetError

FORM = 2  # the version of the tables: PRAGMA user_version in schema.sql. The one before never left development.


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
    if form_of(db, file) < FORM or not _has_notes(db):
        _migrate(db, file)
    db.executescript(text_of("schema.sql"))


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """All of it or nothing, and once, though two processes may open the ledger at the same time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if form_of(db, file) < FORM:
            db.execute("DROP TABLE IF EXISTS objects")
            db.execute("DROP TABLE IF EXISTS results")
        elif not _has_notes(db):
            db.execute("ALTER TABLE results ADD COLUMN notes TEXT")
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _has_notes(db: sqlite3.Connection) -> bool:
    """Whether the tables have the column of notes. The version of the tables is the same with and without it, because
    programs that do not know it write into such a table as well.
    """
    return any(name == "notes" for _, name, *_ in db.execute("PRAGMA table_info(results)"))


def text_of(name: str) -> str:
    """A file of this package."""
    return resources.files(__package__).joinpath(name).read_text()
