"""Lists of objects, a page at a time: by key, never by number, and each page in bounded time."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import sqlite3
from itertools import islice
from typing import Any, NamedTuple

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import place_of
from filterfleet.listener.ledger.histogram import STAGES
from filterfleet.listener.ledger.history.rows import Job, Output, Page
from filterfleet.listener.ledger.history.statements import STATEMENTS, Place
from filterfleet.listener.ledger.minutes import stages_of
from filterfleet.listener.ledger.outputs import from_text
from filterfleet.listener.ledger.sql import octets

# Rows of an index that one page looks at, for each source and state. More: a search that finds little needs fewer
# pages. Less: each page takes less time.
SCAN = 10_000

LISTED = ("pending", "failed", "done")  # the states that a list without a choice has
STATES = (*LISTED, "skipped")

_DIGITS = 12


class Wanted(NamedTuple):
    """See History.jobs()."""

    state: str | None
    path: str | None
    since: float | None
    reason: str | None
    before: str | None
    limit: int


class _Key(NamedTuple):
    """The place of an object in the order of all lists, in which the larger ones come first."""

    at: float
    path: bytes
    source: bytes


_FIRST = _Key(float("inf"), b"", b"")


def page_of(db: sqlite3.Connection, places: list[Place], wanted: Wanted) -> Page:
    """Raises FleetError for a state or a key that there is not."""
    if wanted.state is not None and wanted.state not in STATES:
        raise FleetError(f"An image is {', '.join(STATES[:-1])} or {STATES[-1]}, and not {wanted.state!r}.")
    before = _FIRST if wanted.before is None else _key_of(wanted.before)
    states = (wanted.state,) if wanted.state else ("failed",) if wanted.reason else LISTED
    streams = [_stream(db, place, state, wanted, before) for place in places for state in states]
    floor = max((floor for _, floor in streams if floor is not None), default=None)
    merged = heapq.merge(*(rows for rows, _ in streams), key=lambda row: row[0], reverse=True)
    rows = [row for row in islice(merged, wanted.limit) if floor is None or row[0] >= floor]
    if len(rows) == wanted.limit:
        return Page(tuple(job for _, job in rows), _text_of(rows[-1][0]))
    return Page(tuple(job for _, job in rows), None if floor is None else _text_of(floor))


def _stream(
    db: sqlite3.Connection, place: Place, state: str, wanted: Wanted, before: _Key
) -> tuple[list[tuple[_Key, Job]], _Key | None]:
    """The objects of one source and state, in order, and how far the search has come if it is not at its end."""
    # Of two objects with the same instant and path, the one of the larger source comes first.
    below = "<=" if octets(place.source) < before.source else "<"
    kind = "done" if state == "done" else "undone"
    keys = STATEMENTS[f"{kind}_keys"].format(state=state, below=below)
    values = place.key | {
        "at": before.at,
        "path": before.path,
        "since": wanted.since or 0.0,
        "part": None if wanted.path is None else octets(f"%{_literally(wanted.path)}%"),
        "why": None if wanted.reason is None else octets(wanted.reason),
        "scan": SCAN,
        "limit": wanted.limit,
    }
    found = db.execute(STATEMENTS[kind].format(keys=keys), values).fetchall()
    rows = [
        (_Key(job.at or 0.0, octets(job.path), octets(job.source)), job) for job in (_job(place, row) for row in found)
    ]
    rows.sort(key=lambda row: row[0], reverse=True)
    if len(rows) == wanted.limit:
        return rows, rows[-1][0]
    last = db.execute(STATEMENTS["last_key"].format(keys=keys), values).fetchone()
    return rows, None if last is None else _Key(last[0], octets(last[1]), octets(place.source))


def _job(place: Place, row: tuple[Any, ...]) -> Job:
    path, job, state, at, size, reason, transient, width, height, worker, seconds, outputs, *work = row
    made = outputs_of(path, outputs) if outputs else ()
    id_ = job[:_DIGITS] if job else None
    return Job(
        *(place.source, path, id_, state, at or None, size, reason, bool(transient)),
        *(width, height, worker or None, seconds, made, seconds_of(*work, seconds), job or None),
    )


def seconds_of(*recorded: float | None) -> dict[str, float]:
    """The seconds of each stage that is known, from those that stages_of() takes."""
    stages = stages_of(*recorded)
    return {name: seconds for name, seconds in zip(STAGES, stages, strict=True) if seconds is not None}


def outputs_of(path: str, outputs: str) -> tuple[Output, ...]:
    """What the ledger says of the outputs of an image."""
    return tuple(Output(one.name, one.format, one.size, place_of(one, path)) for one in from_text(outputs))


def _literally(text: str) -> str:
    """For LIKE."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _text_of(key: _Key) -> str:
    fields = [key.at, *(base64.b16encode(part).decode() for part in (key.path, key.source))]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


def _key_of(text: str) -> _Key:
    try:
        at, *names = json.loads(base64.urlsafe_b64decode(text.encode()))
        path, source = map(base64.b16decode, names)
        return _Key(float(at), path, source)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise FleetError("This is not the key of a page: begin with the first one.") from None
