"""The real ledger, watched: its records are compared with what happened to the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from filterfleet.common.wire import Result
from filterfleet.listener.core.events import Copied, Event, TransferFailed, Written
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.core.settings import TRIES, Backfill
from filterfleet.listener.ledger.ledger import Ledger
from tests.simulation.invariants import InvariantError
from tests.simulation.photos import ENDS, FOR_GOOD, Photo
from tests.simulation.places import LOCKED, LOST, PASSING, Output

Key = tuple[str, Version]
NOTHING_YET = Listing({}, {ROOT: "It has not been listed in this life."})


class WatchedLedger(Ledger):
    def __init__(self, output: Output, *args: Any) -> None:
        super().__init__(*args)
        self._output = output
        self._skippable: set[Key] = set()  # what was there when the source was first listed, as _look() shows it
        self._unseen: set[str] = set()  # folders that no listing of this life could read
        self.stayed: set[Key] = set()  # what an outage, longer than anybody waits, has kept in the source
        self._failed_once: set[Key] = set()
        self.ordered: Counter[Key] = Counter()  # how often somebody has ordered them again
        self._done: set[Key] = set()  # since the last commit
        self._durably_done: set[Key] = set()
        self._results = self._new_results = 0  # recorded before and since the last commit
        self._pending_before: set[Key] = set()
        self._last_listing = NOTHING_YET
        self._first: set[str] = set()  # the paths of the first listing of all
        self._away: dict[str, tuple[int, float]] = {}  # by path: attempts in an outage, and when the first was made

    # --- the process ----

    def begin_life(self) -> None:
        self._away.clear()
        self._unseen.clear()
        self._last_listing = NOTHING_YET

    def crash(self) -> None:
        """A kill undoes everything since the last commit."""
        self._db.rollback()
        self._minutes.forget()
        self._jobs.clear()
        self._done.clear()
        self._new_results = 0
        self.check_counts()

    def commit(self) -> None:
        super().commit()
        self._durably_done |= self._done
        self._done.clear()
        self._results += self._new_results
        self._new_results = 0

    @property
    def durable(self) -> bool:
        return not self._db.in_transaction

    @property
    def certain(self) -> int:
        """Objects that the core goes on to know when the source shows nothing; it forgets others when it cannot load
        them."""
        rows = self._db.execute("SELECT count(*) FROM objects WHERE state IN ('done', 'skipped') AND departure IS NULL")
        return int(rows.fetchone()[0])

    # --- what the core is told ----

    def glimpses(self, listing: Listing) -> None:
        if not self.was_listed:
            self._first |= listing.objects.keys()

    def sees(self, listing: Listing, backfill: Backfill) -> None:
        self._last_listing = listing
        if not self.was_listed:
            self._first |= listing.objects.keys()
        self._pending_before = self._pending()
        if backfill is Backfill.NONE and ROOT not in listing.unread:
            self._skip(listing)

    def is_skippable(self, path: str, version: Version) -> bool:
        """What was skipped stays so while size and time are the same, even if it is touched while it is listed."""
        return _look(path, version) in self._skippable

    def _skip(self, listing: Listing) -> None:
        """What the first listing shows is to be skipped, and what is in a folder that can be read for the first time
        since then."""
        if not self.was_listed:
            self._skippable |= {_look(path, version) for path, version in listing.objects.items()}
            self._unseen = set(listing.unread)
            return
        seen = tuple(self._unseen - listing.unread.keys())
        for path, version in listing.objects.items():
            if (
                path.startswith(seen)
                and not self._db.execute("SELECT 1 FROM objects WHERE path = ?", (path,)).fetchone()
            ):
                self._skippable.add(_look(path, version))
        self._unseen.difference_update(seen)

    def check_listed(self) -> None:
        """A listing of the source's root is a first one, whatever else could not be read."""
        if ROOT not in self._last_listing.unread and not self.was_listed:
            raise InvariantError("the source was listed, and the next listing counts as the first one again")

    def check_order(self, backfill: Backfill) -> None:
        """The objects of one listing are in the line by their age."""
        ages = [version.mtime_ns for path, version, _ in self.pending() if (path, version) not in self._pending_before]
        if ages != sorted(ages, reverse=backfill is Backfill.NEWEST):
            raise InvariantError(f"what was found is not in the order {backfill.value}")

    def transferred(self, event: Event, now: float, *, limit: float | None) -> None:
        match event:
            case TransferFailed(path, trouble) if trouble is not None and trouble.reason in PASSING:
                attempts, since = self._away.get(path, (0, now))
                if limit is not None and now - since >= limit:
                    attempts = TRIES  # it may be given up
                self._away[path] = attempts + 1, since
            case Written() | Copied():
                pass  # it has not succeeded before it is published
            case _ if (path := getattr(event, "path", None)) is not None:
                self._away.pop(path, None)

    # --- what the core records ----

    def add_all(self, objects: Iterable[tuple[str, Version, bool]]) -> None:
        objects = list(objects)
        for path, _, fresh in objects:
            if not fresh and path not in self._first and LOST not in path:
                raise InvariantError(f"{path} was not there at first, and counts as backfill")
        super().add_all(objects)

    def done(self, path: str, version: Version, result: Result, **named: Any) -> None:
        if self.is_skippable(path, version) and self.state(path, version) == "skipped":
            raise InvariantError(f"{path} was there before the first listing, and is processed")
        if self._output.durable.get(path) != result.id:
            raise InvariantError(f"{path} is recorded before its outputs are in their places")
        super().done(path, version, result, **named)
        self._done.add((path, version))
        self._new_results += 1

    def again(self, path: str, version: Version) -> bool:
        ordered = super().again(path, version)
        self.ordered[path, replace(version, ctime_ns=0)] += ordered  # as it is in the results
        return ordered

    def failed(self, path: str, version: Version, reason: str, *, transient: bool, **named: Any) -> None:
        attempts, _ = self._away.get(path, (TRIES, 0.0))
        if reason in PASSING and attempts < TRIES:
            raise InvariantError(f"{path} is given up in an outage, after {attempts} attempts")
        self._failed_once.add((path, version))
        super().failed(path, version, reason, transient=transient, **named)

    def renew(self, objects: Iterable[tuple[str, Version]], *, depart: bool = False) -> None:
        objects = list(objects)
        for path, version in objects:
            if any(other == path and was.resembles(version) for other, was in self._durably_done | self._done):
                self._done.add((path, version))
        super().renew(objects, depart=depart)

    def stays(self, path: str, version: Version) -> None:
        attempts, _ = self._away.get(path, (0, 0.0))
        if attempts >= TRIES:
            self.stayed.add((path, version))
        super().stays(path, version)

    # --- what is asked in the end ----

    def check_done(self, path: str, version: Version) -> None:
        if (path, version) not in self._durably_done:
            raise InvariantError(f"{path} is taken away before it is durable that it is done")

    def check_counts(self) -> None:
        """What is counted while it is recorded is what a look at everything shows, and each image that was done is
        counted once, whenever the listener was killed."""
        looked = self._db.execute(
            "SELECT state, count(*) FROM objects WHERE departure IS NOT 'theirs' GROUP BY state ORDER BY state"
        ).fetchall()
        counted = self._db.execute("SELECT state, n FROM counts WHERE n <> 0 ORDER BY state").fetchall()
        if looked != counted:
            raise InvariantError(f"the ledger counts {counted}, and has {looked}")
        failed = self._db.execute(
            "SELECT ifnull(reason, ''), count(*) FROM objects WHERE state = 'failed' GROUP BY reason ORDER BY reason"
        ).fetchall()
        if failed != self._db.execute("SELECT reason, n FROM reasons ORDER BY reason").fetchall():
            raise InvariantError("the ledger counts other reasons than it has")
        (done,) = self._db.execute("SELECT ifnull(sum(done), 0) FROM minutes").fetchone()
        if done != self._results:
            raise InvariantError(f"{self._results} images were recorded, and the minutes have {done}")

    def knows_end(self, photo: Photo) -> bool:
        """Whether a photo that works is done, and whether one that does not has failed, once at least if it is tried
        again. That its folder was locked is no end: it is tried again, and may fail for a reason of its own."""
        state = self.state(photo.path, photo.version)
        if state == "skipped" or photo.kind not in ENDS:
            return state in ("done", "skipped")
        if state == "failed":
            return photo.kind == "locked" or not self._reason(photo).startswith(LOCKED)
        return photo.kind not in FOR_GOOD and (photo.path, photo.version) in self._failed_once

    def _reason(self, photo: Photo) -> str:
        row = self._db.execute("SELECT reason FROM objects WHERE path = ?", (photo.path,)).fetchone()
        return str(row[0])

    def left_of_listing(self) -> str | None:
        """A path of the last listing that has no outcome."""
        pending = self._pending()
        return next((path for path, version in self._last_listing.objects.items() if (path, version) in pending), None)

    def _pending(self) -> set[Key]:
        return {(path, version) for path, version, _ in self.pending()}

    def state(self, path: str, version: Version) -> str | None:
        """The state of one version; None if the ledger does not know it."""
        row = self._db.execute(
            "SELECT state FROM objects WHERE path = ? AND size = ? AND mtime_ns = ? AND tag = ? AND ctime_ns = ?",
            (path, version.size, version.mtime_ns, version.tag, version.ctime_ns),
        ).fetchone()
        return None if row is None else str(row[0])


def _look(path: str, version: Version) -> Key:
    """Versions that resemble each other look alike."""
    return path, replace(version, ctime_ns=0, inode=0)
