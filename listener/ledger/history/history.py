"""What a ledger knows of the past and of the work that is left, while its listener runs, is down, or stands still."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.listener.ledger.form import is_counted
from filterfleet.listener.ledger.histogram import EMPTY, cells_of, quantile, unpacked
from filterfleet.listener.ledger.history.pages import Wanted, page_of
from filterfleet.listener.ledger.history.parts import parts_of
from filterfleet.listener.ledger.history.rows import Counts, Minute, Page, Part, Reason, Stage, Story
from filterfleet.listener.ledger.history.statements import STATEMENTS, Place, places_of
from filterfleet.listener.ledger.history.stories import paths_of_jobs, story_of
from filterfleet.listener.ledger.minutes import MINUTE
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.ledger.sql import octets

WEEK, DAY = 7 * 24 * 60, 24 * 60  # minutes: what minutes() and stages() look at, at most


class History:
    """Of one ledger, and of one of its sources or of all. Any thread may call any method.

    Each call opens the file, reads in one short transaction and closes it: who holds a snapshot makes the log of a busy
    ledger grow, and who holds the file keeps the listener from tidying up. At a million jobs a call takes some
    milliseconds. Each raises FleetError when there is no ledger, or when it cannot be read.
    """

    def __init__(self, file: Path, source: str | None = None) -> None:
        """file need not exist yet. source: a source's name in the ledger; None for all."""
        self.file = file
        self._source = source

    def places(self) -> list[Place]:
        """The sources, each with its recipe, its output and whether it is paused."""
        with self._reading() as (_, places):
            return places

    def counts(self) -> Counts:
        with self._reading() as (db, places):
            states, alone = Counter[str](), Counter[str]()
            for place in places:
                states.update(dict(db.execute(STATEMENTS["counts"], place.key).fetchall()))
                alone.update(dict(db.execute(STATEMENTS["left_alone"], place.key).fetchall()))
            paused = [place.paused for place in places if place.paused is not None]
            pending, done, failed, skipped = (states[state] for state in ("pending", "done", "failed", "skipped"))
            return Counts(pending, done, failed, skipped, dict(alone), min(paused, default=None))

    def failures(self, limit: int = 50) -> list[Reason]:
        """Why images have failed, the commonest reason first."""
        with self._reading() as (db, places):
            found = [
                _reason(db, place, reason, n)
                for place in places
                for reason, n in db.execute(STATEMENTS["reasons"], place.key | {"limit": limit}).fetchall()
            ]
        return sorted(_merged(found), key=lambda row: (-row.n, row.reason))[:limit]

    def jobs(
        self,
        state: str | None = None,
        path: str | None = None,
        since: float | None = None,
        reason: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of objects, those that came to their state last first.

        state: pending, done, failed or skipped; None for all but skipped ones. path: a part of the path, in any case of
        letters. since: an instant. reason: a part of the reason for a failure. before: Page.before of the page before
        this one.
        """
        wanted = Wanted(state, path, since, reason, before, limit)
        with self._reading() as (db, places):
            return page_of(db, places, wanted)

    def job(self, id_or_path: str) -> Story:
        """All about one object, by its path below the source or the beginning of its job's id, of at least six digits.

        Raises FleetError when there is none, and when several jobs begin like this.
        """
        with self._reading() as (db, places):
            return story_of(db, places, id_or_path)

    def paths(self, ids: Iterable[str]) -> dict[str, str]:
        """A path for each of these beginnings of job ids, in hexadecimal, that the ledger knows."""
        with self._reading() as (db, places):
            return paths_of_jobs(db, places, ids)

    def minutes(self, since: float) -> list[Minute]:
        """Each minute from this instant on in which something was done, within the last week."""
        with self._reading() as (db, places):
            found: dict[int, tuple[int, int, int]] = {}
            for place in places:
                for minute, *numbers in db.execute(STATEMENTS["minutes"], _window(place, since, WEEK)):
                    done, failed, size = found.get(minute, (0, 0, 0))
                    found[minute] = (done + numbers[0], failed + numbers[1], size + numbers[2])
        return [Minute(minute * MINUTE, *numbers) for minute, numbers in sorted(found.items())]

    def parts(self, since: float, step: int, count: int) -> list[Part]:
        """count parts of step minutes each, from the minute of this instant on. Of long parts, the times of the busiest
        minutes stand for all."""
        with self._reading() as (db, places):
            return parts_of(db, places, int(since / MINUTE), step, count)

    def histogram(self, since: float) -> dict[str, list[int]]:
        """For each stage, how many images were in each bucket (listener.ledger.histogram), from the minute of this
        instant on and within the last day."""
        with self._reading() as (db, places):
            return cells_of(
                sum(
                    (
                        unpacked(hist)
                        for place in places
                        for (hist,) in db.execute(STATEMENTS["histograms"], _window(place, since, DAY))
                    ),
                    EMPTY,
                )
            )

    def stages(self, since: float) -> list[Stage]:
        """How long each stage took, from the minute of this instant on and within the last day."""
        return [
            Stage(name, sum(cells), *(quantile(cells, share) for share in (0.5, 0.95, 0.99)))
            for name, cells in self.histogram(since).items()
        ]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[sqlite3.Connection, list[Place]]]:
        with reader(self.file) as db:
            if not is_counted(db):
                raise FleetError(
                    f"The ledger {printable(str(self.file))} is from an earlier version of filterfleet: "
                    "its listener brings it up to date when it starts."
                )
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            yield db, places_of(db, self._source)


def _window(place: Place, since: float, most: int) -> dict[str, object]:
    first = max(int(since / MINUTE), int(time.time() / MINUTE) - most)
    return place.key | {"since": first, "limit": most}


def _reason(db: sqlite3.Connection, place: Place, reason: str, n: int) -> Reason:
    values = place.key | {"reason": octets(reason)}
    path, at = db.execute(STATEMENTS["newest_of_reason"], values).fetchone() or ("", None)
    return Reason(reason, n, path, at or None)


def _merged(found: Iterable[Reason]) -> Iterable[Reason]:
    """One row for each reason, though several sources may have it."""
    rows: dict[str, Reason] = {}
    for row in found:
        other = rows.get(row.reason, row)
        newest = max(row, other, key=lambda one: one.at or 0.0)
        rows[row.reason] = Reason(row.reason, row.n + (other.n if other is not row else 0), newest.path, newest.at)
    return rows.values()
