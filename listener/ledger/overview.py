"""What a ledger says about all its sources, for somebody who only reads it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from filterfleet.listener.ledger.form import has_table, is_counted
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.ledger.sql import octets

_PAIRS = "SELECT source, recipe FROM counts WHERE n > 0 UNION SELECT source, recipe FROM listed ORDER BY source, recipe"
_PAIRS_OF_OBJECTS = "SELECT source, recipe FROM objects UNION SELECT source, recipe FROM listed ORDER BY source, recipe"
_COUNTS = "SELECT state, n FROM counts WHERE source = CAST(? AS TEXT) AND recipe = ?"
_COUNT = """
SELECT state, count(*) FROM objects
WHERE source = CAST(? AS TEXT) AND recipe = ? AND departure IS NOT 'theirs'
GROUP BY state
"""
_LEFT_ALONE = "SELECT kind, files FROM left_alone WHERE source = CAST(? AS TEXT)"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a source is under a recipe, which is its digest in hexadecimal: numbers of objects in each state.

    skipped: of those that were there at the first scan, with --backfill none. left_alone: how many files of each kind
    are not processed (listener.core.left_alone).
    """

    source: str
    recipe: str
    done: int
    failed: int
    pending: int
    skipped: int
    left_alone: dict[str, int]


def overview(file: Path) -> list[Standing]:
    """Every source and recipe in a ledger. Nothing is written, and a listener may be running. Raises FleetError."""
    with reader(file) as db:
        # An earlier version did not count, and its ledger is only changed when a listener opens it.
        pairs, counts = (_PAIRS, _COUNTS) if is_counted(db) else (_PAIRS_OF_OBJECTS, _COUNT)
        return [_standing(db, counts, source, recipe) for source, recipe in db.execute(pairs).fetchall()]


def _standing(db: sqlite3.Connection, counts: str, source: str, recipe: str) -> Standing:
    key = octets(source)
    states = dict(db.execute(counts, (key, recipe)).fetchall())
    alone = db.execute(_LEFT_ALONE, (key,)).fetchall() if has_table(db, "left_alone") else ()
    numbers = {state: states.get(state, 0) for state in ("done", "failed", "pending", "skipped")}
    return Standing(source, recipe, **numbers, left_alone=dict(alone))
