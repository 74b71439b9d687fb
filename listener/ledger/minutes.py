"""The minutes of a ledger: what was done in each, and how long the stages of its images took."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from filterfleet.listener.ledger.histogram import histogram_of, packed, unpacked

MINUTE = 60.0  # seconds

Stages = tuple[float | None, ...]  # the seconds of each of histogram.STAGES

_READ = """
SELECT done, failed, bytes, hist FROM minutes
WHERE source = CAST(:source AS TEXT) AND minute = :minute AND recipe = :recipe
"""
_WRITE = """
INSERT OR REPLACE INTO minutes (source, minute, recipe, done, failed, bytes, hist)
VALUES (CAST(:source AS TEXT), :minute, :recipe, :done, :failed, :bytes, :hist)
"""
_RESULTS = """
SELECT CAST(source AS BLOB), recipe, CAST(finished_at / 60 AS INTEGER), size, decode, filter, encode, write, turnaround
FROM results ORDER BY source, recipe, finished_at
"""


@dataclass(slots=True)
class _Minute:
    done: int = 0
    failed: int = 0
    bytes: int = 0
    images: list[Stages] = field(default_factory=list)


def stages_of(
    decode: float | None, filter_: float | None, encode: float | None, write: float | None, turnaround: float | None
) -> Stages:
    """The seconds of each of histogram.STAGES. Outputs that were copied from another image's have no turnaround."""
    if not turnaround or write is None:
        return (None, None, None, None, write, write)
    work = None if decode is None or filter_ is None or encode is None else decode + filter_ + encode
    queue = None if work is None else max(0.0, turnaround - work)
    return (queue, decode, filter_, encode, write, turnaround + write)


class Minutes:
    """Of one source and recipe. What is counted is kept in memory until flush(), which is to be called in the
    transaction that records the images."""

    def __init__(self, db: sqlite3.Connection, key: dict[str, Any]) -> None:
        """key: the source, as bytes, and the recipe."""
        self._db = db
        self._key = key
        self._new: dict[int, _Minute] = defaultdict(_Minute)

    def done(self, at: float, size: int, stages: Stages) -> None:
        """An image of this size in bytes was done at this instant, in seconds since the epoch."""
        minute = self._new[int(at / MINUTE)]
        minute.done += 1
        minute.bytes += size
        minute.images.append(stages)

    def failed(self, at: float) -> None:
        self._new[int(at / MINUTE)].failed += 1

    def flush(self) -> None:
        """Raises sqlite3.Error."""
        for minute, new in self._new.items():
            _add(self._db, self._key | {"minute": minute}, new)
        self._new.clear()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._new.clear()


def fill_minutes(db: sqlite3.Connection) -> None:
    """Count all results of a ledger that has none of its minutes yet. Raises sqlite3.Error."""
    for (source, recipe, minute), rows in groupby(db.execute(_RESULTS), lambda row: row[:3]):
        new = _Minute()
        for *_, size, decode, filter_, encode, write, turnaround in rows:
            new.done += 1
            new.bytes += size
            new.images.append(stages_of(decode, filter_, encode, write, turnaround))
        _add(db, {"source": source, "recipe": recipe, "minute": minute}, new)


def _add(db: sqlite3.Connection, key: dict[str, Any], new: _Minute) -> None:
    done, failed, size, hist = db.execute(_READ, key).fetchone() or (0, 0, 0, b"")
    total = histogram_of(new.images) + unpacked(hist)
    values = {"done": done + new.done, "failed": failed + new.failed, "bytes": size + new.bytes, "hist": packed(total)}
    db.execute(_WRITE, key | values)
