"""The ledger in SQLite (WAL): which versions of which objects have been processed. It survives kill -9."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.notes import notes_of, sums_of
from filterfleet.common.wire import Result
from filterfleet.listener.core.books import UNKNOWN, Attempt
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.attempts import earlier, failure
from filterfleet.listener.ledger.form import make_tables
from filterfleet.listener.ledger.journal import Journal
from filterfleet.listener.ledger.minutes import Minutes, stages_of
from filterfleet.listener.ledger.outputs import from_text, to_text
from filterfleet.listener.ledger.rows import REPORT, Failure, Processed, Progress
from filterfleet.listener.ledger.sql import DAMAGED, in_words, is_damage, named_statements, octets, text

__all__ = ["REPORT", "Failure", "Ledger", "Processed", "Progress"]

VERSION = tuple(field.name for field in fields(Version))  # columns of the table of objects

# Seconds for which the ids of jobs under way wait for a commit that has another reason. More: fewer commits. Less: an
# image that is processed for long is found by its id sooner.
NAMING = 1.0


class Ledger:
    """One source under one recipe, for one thread.

    Whatever was recorded before commit() survives kill -9. A power cut may undo the last commits; their work is then
    done again.
    """

    def __init__(self, file: Path, source: str, recipe: str, output: str | None = None) -> None:
        """source and output are their names, recipe the recipe's digest in hexadecimal. Raises FleetError."""
        self._key = {"source": octets(source), "recipe": recipe}
        self._queries = named_statements("queries.sql")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file)
            self._db.text_factory = text
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            make_tables(self._db, file)
            life = self._key | {"output": None if output is None else octets(output)}
            if self._db.execute(self._queries["has_begun"], life).fetchone() is None:
                self._db.execute(self._queries["begin"], life)
                self._db.commit()
        except (sqlite3.Error, OSError) as error:
            hint = DAMAGED if is_damage(error) else ""
            raise FleetError(f"The ledger {file} cannot be opened: {error}.{hint}") from None
        self._minutes = Minutes(self._db, self._key)
        self._jobs: dict[str, dict[str, Any]] = {}  # rows of set_job, by path, that wait for a commit
        self._named_at = 0.0

    def journal(self, state: Path, source: str) -> Journal:
        """From now on, what is recorded here is recorded there as well. Raises FleetError."""
        with in_words():
            return Journal(state, source, self._db)

    def close(self) -> None:
        self._db.close()

    def commit(self) -> None:
        """Make everything that was recorded durable. Raises FleetError, as every method here does."""
        now = time.time()  # which may be set back
        if self._jobs and (self._db.in_transaction or not 0 <= now - self._named_at < NAMING):
            self._run_all("set_job", self._jobs.values())
            self._jobs.clear()
            self._named_at = now
        if self._db.in_transaction:
            with in_words():
                self._minutes.flush()
                self._db.commit()

    # --- objects ----

    def retry_transient(self) -> None:
        """Every object that failed for a reason that may have passed is pending again."""
        self._run("retry_transient")

    def retry(self, path: str, version: Version) -> bool:
        """A version is pending again if it is the present one and has failed. Returns whether it was."""
        return self._run("retry", path, version).rowcount > 0

    def failed_objects(self) -> list[tuple[str, Version, str]]:
        """(path, version, reason) of every object that has failed."""
        return [(path, Version(*version), reason or "") for path, *version, reason in self._run("failed_objects")]

    def finished_objects(self) -> list[tuple[str, Version]]:
        """(path, version) of every object at the source that is done or has failed."""
        return [(path, Version(*version)) for path, *version in self._run("finished_objects")]

    def again(self, path: str, version: Version) -> bool:
        """A version at the source is pending again, if it is the present one and is done or has failed. Returns whether
        it was."""
        return self._run("again", path, version).rowcount > 0

    def prune(self, before: float) -> int:
        """Forget objects that vanished from the source before this instant, in seconds since the epoch, and results
        from before it that are not those of an object as it is now. Returns how many rows that were. Attempts and
        minutes from before it are forgotten as well.

        An object whose disappearance an earlier version has recorded without its time counts as vanished now.
        """
        for query in ("date", "prune_attempts", "prune_minutes"):
            self._run(query, before=before)
        return sum(self._run(query, before=before).rowcount for query in ("prune_objects", "prune_results"))

    def redo(self) -> None:
        """Every object is pending again."""
        self._run("redo")

    def set_job(self, path: str, version: Version, job: bytes) -> None:
        """A pending object is part of this job. It is not durable before a commit that comes a second later."""
        self._jobs[path] = self._row(path, version) | {"job": job.hex()}

    def settled(self) -> dict[str, Version]:
        """The version of every object at the source that was last handed on under the present recipe."""
        return {path: Version(*version) for path, *version in self._run("settled")}

    def fresh(self) -> set[str]:
        """Those of these objects that came after the source had been listed."""
        return {path for (path,) in self._run("fresh")}

    def pending(self) -> list[tuple[str, Version, bool]]:
        """(path, version, fresh) of every object that is to be processed, in the order of arrival."""
        return [(path, Version(*version), bool(fresh)) for path, *version, fresh in self._run("pending")]

    def add(self, path: str, version: Version, *, fresh: bool) -> None:
        """A version is to be processed. It takes the place of the one before."""
        self._run("add", path, version, state="pending", fresh=fresh)

    def add_all(self, objects: Iterable[tuple[str, Version, bool]]) -> None:
        """add() for many at once: (path, version, fresh) of each, in the order of arrival."""
        rows = (self._row(path, version) | {"state": "pending", "fresh": fresh} for path, version, fresh in objects)
        self._run_all("add", rows)

    def standing(self, path: str, version: Version) -> tuple[str, bool] | None:
        """The state of the version that the ledger has of an object at the source, if that resembles this one, and
        whether it agrees with it."""
        row = self._run("standing", path, version).fetchone()
        return None if row is None else (row[0], bool(row[1]))

    def made(self, path: str, version: Version) -> bytes | None:
        """The job whose outputs an object at the source has, if it is done and the ledger's version resembles this
        one."""
        row = self._run("made", path, version).fetchone()
        return None if row is None else bytes.fromhex(row[0])

    def renew(self, objects: Iterable[tuple[str, Version]], *, depart: bool = False) -> None:
        """These versions have taken the place of others that they resemble, with the same content: whatever is known of
        those holds for these. depart: they are now to be taken away from the source."""
        departure = "due" if depart else None
        self._run_all("renew", (self._row(path, version) | {"departure": departure} for path, version in objects))

    def skip(self, path: str, version: Version) -> None:
        """A version is not to be processed."""
        self._run("add", path, version, state="skipped", fresh=False)

    def forget(self, path: str) -> None:
        """The object has left the source. Its outputs stay recorded, and can still be copied."""
        self._run("vanished", path)
        self._run("forget", path)

    def forget_failed(self, path: str) -> bool:
        """Forget an object that has failed. Returns whether it had."""
        return self._run("forget_failed", path).rowcount > 0

    @property
    def was_listed(self) -> bool:
        """Whether the source has ever been listed to its end under this recipe."""
        return self._run("is_listed").fetchone() is not None

    def set_listed(self) -> None:
        self._run("set_listed")

    def leave_alone(self, counts: Mapping[str, int]) -> None:
        """Replace the numbers of files that are no images to us, by kind."""
        self._run("clear_left_alone")
        for kind, files in counts.items():
            self._run("leave_alone", kind=kind, files=files)

    def left_alone(self) -> dict[str, int]:
        return dict(self._run("left_alone"))

    # --- outcomes ----

    def done(
        self,
        path: str,
        version: Version,
        result: Result,
        *,
        engine: str,
        write: float,
        turnaround: float,
        depart: bool = False,
    ) -> None:
        """The outputs are in their places.

        engine is the engine's name; write and turnaround are in seconds. depart: the object is now to be taken away
        from the source. A version that is recorded twice has one row, the later one, which counts them.
        """
        report, at = result.report, time.time()
        numbers = {name: _number(report.get(name)) for name in ("width", "height", "decode", "filter", "encode")}
        self._run(
            "record",
            path,
            version,
            job=result.id.hex(),
            outputs=to_text(result.outputs),
            engine=engine,
            worker=str(report.get("worker", ""))[:255],
            write=write,
            turnaround=turnaround,
            finished_at=at,
            notes=notes_of(report),
            sums=json.dumps(sums) if (sums := sums_of(report, len(result.outputs))) else None,
            **numbers,
        )
        self._run_all("attempt", [self._row(path) | row for row in earlier(result.id, result.tries)])
        work = (numbers["decode"], numbers["filter"], numbers["encode"])
        self._minutes.done(at, version.size, stages_of(*work, write, turnaround))
        self._jobs.pop(path, None)
        departure = "due" if depart else None
        values = {"reason": None, "transient": False, "departure": departure, "job": None}
        self._run("set_state", path, version, state="done", **values)

    def failed(self, path: str, version: Version, reason: str, *, transient: bool, attempt: Attempt = UNKNOWN) -> None:
        """This version cannot be processed; reason is a sentence for the user. A newer version stays pending.

        transient: it may be possible later.
        """
        self._jobs.pop(path, None)
        values = {"reason": reason, "transient": transient, "departure": None, "job": attempt.job.hex() or None}
        if self._run("set_state", path, version, state="failed", **values).rowcount:
            self._minutes.failed(time.time())
        attempts = [*earlier(attempt.job, attempt.earlier), failure(attempt, reason, transient=transient)]
        self._run_all("attempt", [self._row(path) | row for row in attempts])

    def due(self) -> list[tuple[str, Version]]:
        """Every object that is done and still to be taken away from the source."""
        return [(path, Version(*version)) for path, *version in self._run("due")]

    def departed(self, path: str, version: Version) -> None:
        """The object was taken away from the source by us."""
        self._run("depart", path, version, departure="ours")

    def stays(self, path: str, version: Version) -> None:
        """The object is not to be taken away after all."""
        self._run("depart", path, version, departure=None)

    def tell(self, path: str) -> None:
        """The output may tell of a failure of this object from now on."""
        self._run("tell", path)

    def take_back(self, path: str) -> None:
        """The output tells of no failure of this object any more."""
        self._run("take_back", path)

    def stale(self) -> list[tuple[str, Version]]:
        """Every object that is done while the output may still tell of a failure."""
        return [(path, Version(*version)) for path, *version in self._run("stale")]

    def is_told(self, path: str) -> bool:
        """Whether the output may tell of a failure of this object."""
        return self._run("is_told", path).fetchone() is not None

    def same_job(self, job: bytes) -> tuple[str, Result] | None:
        """The path and the result, without its bytes, of an object of this source that has the outputs of this job."""
        row = self._run("same_job", job=job.hex()).fetchone()
        if row is None:
            return None
        path, outputs, width, height, worker, notes, sums = row
        report = {"width": width, "height": height, "worker": worker} | ({"notes": notes} if notes else {})
        report |= {"sums": json.loads(sums)} if sums else {}
        return path, Result(job, from_text(outputs), report)

    def of_stem(self, stem: str) -> list[tuple[str, str]]:
        """(path, state) of every object with this path, or this path and extensions."""
        return self._run("of_stem", stem, suffixed=octets(f"{stem}."), beyond=octets(f"{stem}/")).fetchall()

    # --- what the listener is told ----

    @property
    def is_paused(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._run("is_paused").fetchone() is not None

    def pause(self) -> bool:
        """Nothing new is to be begun from now on, in later lives as well. Returns whether that is new."""
        return self._run("pause", paused=True).rowcount > 0

    def resume(self) -> bool:
        """The opposite of pause()."""
        return self._run("pause", paused=False).rowcount > 0

    # --- for people ----

    def progress(self) -> Progress:
        """How many objects of the source are in each state."""
        counts = dict(self._run("progress").fetchall())
        return Progress(counts.get("pending", 0), counts.get("done", 0), counts.get("failed", 0))

    def failures(self) -> list[Failure]:
        """Every object that has failed, by path."""
        return [Failure(path, reason) for path, reason in self._run("failures")]

    def processed(self) -> list[Processed]:
        """Every object whose present version is done, in the order of completion."""
        return [
            Processed(
                path, size, width or 0, height or 0, worker, seconds or 0.0, turnaround, from_text(outputs), finished
            )
            for path, size, width, height, worker, seconds, turnaround, outputs, finished in self._run("processed")
        ]

    def report(self) -> list[dict[str, Any]]:
        """One row for each object, done or not, with the fields of REPORT."""
        rows = self._run("report")
        return [dict(zip(REPORT, row, strict=True)) for row in rows]

    def _run(self, query: str, path: str = "", version: Version | None = None, **values: Any) -> sqlite3.Cursor:
        with in_words():
            return self._db.execute(self._queries[query], self._row(path, version) | values)

    def _run_all(self, query: str, rows: Iterable[dict[str, Any]]) -> None:
        with in_words():
            self._db.executemany(self._queries[query], rows)

    def _row(self, path: str, version: Version | None = None) -> dict[str, Any]:
        """The values of an object."""
        row = self._key | {"path": octets(path), "now": time.time()}
        return row if version is None else row | {name: getattr(version, name) for name in VERSION}


def _number(value: Any) -> int | float | None:
    """The value if SQLite can hold it, else None: a worker may report anything."""
    fits = isinstance(value, float) or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63)
    return value if fits else None
