"""The whole story of one object."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.ids import LEAST, SHORT, id_prefix
from filterfleet.common.text import printable
from filterfleet.listener.ledger.history.pages import outputs_of, seconds_of
from filterfleet.listener.ledger.history.rows import Attempt, Job, Story
from filterfleet.listener.ledger.history.statements import STATEMENTS, Place
from filterfleet.listener.ledger.sql import octets

SHOWN = 20  # attempts, and twins, at most


class _Object(NamedTuple):
    """A row of the table of objects."""

    path: str
    size: int
    mtime_ns: int
    tag: str
    recipe: str
    state: str
    transient: int
    fresh: int
    reason: str | None
    departure: str | None
    at: float | None
    job: str | None


class _Result(NamedTuple):
    """A row of the table of results."""

    job: str
    outputs: str
    width: int | None
    height: int | None
    engine: str
    worker: str | None
    decode: float | None
    filter: float | None
    encode: float | None
    write: float | None
    turnaround: float | None
    finished_at: float
    notes: str | None
    times: int


def story_of(db: sqlite3.Connection, places: list[Place], text: str) -> Story:
    """Of the object with this path, or with a job whose id begins like this. Raises FleetError."""
    for place in places:
        if (row := _object(db, place, text)) is not None:
            return _story(db, place, row)
    prefix = id_prefix(text)
    by_source = {place.source: place for place in places}
    found = [row for row in _by_job(db, prefix, SHOWN) if row[0] in by_source] if prefix else []
    if prefix and len(ids := _ids(db, prefix)) > 1:
        known = ", ".join(sorted({job[: SHORT if len(prefix) < SHORT else None] for job in ids}))
        raise FleetError(f"Several jobs begin with {text}: name one of them with more digits, such as {known}.")
    objects = [(by_source[source], row) for source, path, _ in found if (row := _object(db, by_source[source], path))]
    if not objects:
        what = "job" if prefix else "image"
        raise FleetError(
            f"The ledger knows no {what} {printable(text)}: give an image's path below the source, or at least "
            f"{LEAST} digits of its job's id."
        )
    return _story(db, *max(objects, key=lambda pair: pair[1].at or 0.0))


def paths_of_jobs(db: sqlite3.Connection, places: list[Place], ids: Iterable[str]) -> dict[str, str]:
    sources = {place.source for place in places}
    paths: dict[str, str] = {}
    for text in ids:
        prefix = id_prefix(text)
        found = [path for source, path, _ in _by_job(db, prefix, SHOWN) if source in sources] if prefix else []
        if found:
            paths[text] = found[0]
    return paths


def _by_job(db: sqlite3.Connection, prefix: str, limit: int) -> list[tuple[str, str, str]]:
    """(source, path, job) of objects and results, this many at most."""
    rows = db.execute(STATEMENTS["paths_by_job"], {"low": prefix, "high": f"{prefix}g", "limit": limit})
    return list(dict.fromkeys(rows))


def _ids(db: sqlite3.Connection, prefix: str) -> set[str]:
    """The first and the last id of all jobs whose ids begin like this: more than one if there are several."""
    rows = db.execute(STATEMENTS["ends_of_range"], {"low": prefix, "high": f"{prefix}g"})
    return {job for (job,) in rows if job is not None}


def _object(db: sqlite3.Connection, place: Place, path: str) -> _Object | None:
    row = db.execute(STATEMENTS["object"], place.key | {"path": octets(path)}).fetchone()
    return None if row is None else _Object(*row)


def _story(db: sqlite3.Connection, place: Place, row: _Object) -> Story:
    key = {"source": octets(place.source), "path": octets(row.path), "limit": SHOWN}
    version: dict[str, Any] = {
        "size": row.size,
        "mtime_ns": row.mtime_ns,
        "tag": octets(row.tag),
        "recipe": row.recipe,
    }
    found = db.execute(STATEMENTS["result"], key | version).fetchone()
    result = None if found is None else _Result(*found)
    job = row.job or (result.job if result else None)
    twins = {path for source, path, _ in _by_job(db, job, SHOWN)} - {row.path} if job else set()
    return Story(
        job=_job(place, row, result, job),
        recipe=row.recipe,
        mtime_ns=row.mtime_ns,
        tag=row.tag,
        fresh=bool(row.fresh),
        departure=row.departure,
        engine=result.engine if result else None,
        notes=result.notes if result else None,
        times=result.times if result else 0,
        attempts=_attempts(db, key),
        twins=tuple(sorted(twins)),
    )


def _job(place: Place, row: _Object, result: _Result | None, job: str | None) -> Job:
    is_done = row.state == "done" and result is not None
    return Job(
        source=place.source,
        path=row.path,
        id=job[:SHORT] if job else None,
        state=row.state,
        at=(result.finished_at if is_done and result else row.at) or None,
        size=row.size,
        reason=row.reason,
        transient=bool(row.transient) and row.state == "failed",
        width=result.width if result else None,
        height=result.height if result else None,
        worker=(result.worker or None) if result else None,
        seconds=result.turnaround if result else None,
        outputs=outputs_of(row.path, result.outputs) if result else (),
        stages=_stages(result) if result else {},
        key=job,
    )


def _stages(result: _Result) -> dict[str, float]:
    return seconds_of(result.decode, result.filter, result.encode, result.write, result.turnaround)


def _attempts(db: sqlite3.Connection, key: dict[str, Any]) -> tuple[Attempt, ...]:
    """The results that the ledger has, and what else was tried."""
    done = [
        Attempt("done", ended, job[:SHORT], worker or None, seconds)
        for job, worker, seconds, ended in db.execute(STATEMENTS["results_of"], key)
    ]
    others = [
        Attempt(ending, ended, job, worker or None, seconds, reason)
        for job, worker, ending, seconds, ended, reason in db.execute(STATEMENTS[_statement(db)], key)
    ]
    return tuple(sorted([*done, *others], key=lambda attempt: attempt.ended)[-SHOWN:])


def _statement(db: sqlite3.Connection) -> str:
    """A ledger that no listener of this version has opened does not know how the broker's attempts ended."""
    columns = {name for _, name, *_ in db.execute("PRAGMA table_info(attempts)")}
    return "attempts" if "how" in columns else "attempts_without_how"
