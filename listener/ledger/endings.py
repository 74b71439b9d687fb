"""What has ended since an instant: images that are done, and failures, in the order of their ends.

So the ledger itself is the queue of those who want to be told. A reader keeps a Mark, and gets what came after it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from filterfleet.common.jobs.names import place_of
from filterfleet.common.wire import OutputFile
from filterfleet.listener.ledger.outputs import from_text
from filterfleet.listener.ledger.sql import octets

# "state <> 'done'" beside another state has SQLite use the index undone_by_time.
_KEY = "source = CAST(:source AS TEXT) AND recipe = :recipe"
_DONE = f"""
SELECT finished_at, path, size, mtime_ns, job, outputs, width, height, engine, worker,
    decode, filter, encode, write, turnaround, notes
FROM results WHERE {_KEY} AND (finished_at, path) > (:at, CAST(:path AS TEXT)) AND finished_at < :before
ORDER BY finished_at, path LIMIT :most
"""  # noqa: S608
_FAILED = f"""
SELECT at, path, size, mtime_ns, job_id, reason, transient
FROM objects WHERE {_KEY} AND state = 'failed' AND state <> 'done'
AND (at, path) > (:at, CAST(:path AS TEXT)) AND at < :before
ORDER BY at, path LIMIT :most
"""  # noqa: S608
_PENDING = f"SELECT 1 FROM objects WHERE {_KEY} AND state = 'pending' AND state <> 'done' LIMIT 1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Mark:
    """The last ending of a kind that was read: its instant in seconds since the epoch, and its path."""

    at: float
    path: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """An image whose outputs are in their places. at and mtime are in seconds since the epoch, size is in bytes; job is
    in hexadecimal. seconds has the time of each stage that is known."""

    at: float
    path: str
    size: int
    mtime: float
    job: str
    outputs: tuple[OutputFile, ...]
    width: int | None
    height: int | None
    engine: str
    worker: str
    seconds: dict[str, float]
    notes: str

    def places(self) -> list[str]:
        """The path of each output below the output's root."""
        return [place_of(output, self.path) for output in self.outputs]


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that could not be processed. job is empty if its content is not known. transient: it is tried again."""

    at: float
    path: str
    size: int
    mtime: float
    job: str
    reason: str
    transient: bool


Ending = Done | Failed


def endings(
    db: sqlite3.Connection, source: str, recipe: str, done: Mark, failed: Mark, before: float, most: int
) -> list[Ending]:
    """The first endings behind these marks and before an instant. An image that has ended several times meanwhile has
    its last ending only. Raises sqlite3.Error."""
    key = {"source": octets(source), "recipe": recipe, "before": before, "most": most}
    dones = db.execute(_DONE, key | {"at": done.at, "path": octets(done.path)}).fetchall()
    faults = db.execute(_FAILED, key | {"at": failed.at, "path": octets(failed.path)}).fetchall()
    found: list[Ending] = [_done(*row) for row in dones]
    found += [
        Failed(at, path, size, mtime_ns / 1e9, job or "", reason or "", bool(transient))
        for at, path, size, mtime_ns, job, reason, transient in faults
    ]
    return sorted(found, key=lambda ending: ending.at)[:most]


def is_pending(db: sqlite3.Connection, source: str, recipe: str) -> bool:
    """Whether any image is still to be processed. Raises sqlite3.Error."""
    return db.execute(_PENDING, {"source": octets(source), "recipe": recipe}).fetchone() is not None


def _done(
    at: float,
    path: str,
    size: int,
    mtime_ns: int,
    job: str,
    outputs: str,
    width: int | None,
    height: int | None,
    engine: str,
    worker: str | None,
    decode: float | None,
    filter_: float | None,
    encode: float | None,
    write: float | None,
    turnaround: float | None,
    notes: str | None,
) -> Done:
    stages = {"decode": decode, "filter": filter_, "encode": encode, "write": write, "turnaround": turnaround}
    seconds = {stage: value for stage, value in stages.items() if value is not None}
    files = from_text(outputs)
    mtime = mtime_ns / 1e9
    return Done(at, path, size, mtime, job, files, width, height, engine, worker or "", seconds, notes or "")
