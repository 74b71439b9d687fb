"""The listener's loop: one thread decides and keeps the ledger; others list, read, write and talk to the broker.

Whatever another thread has to say comes as a call on one queue. Every change of the ledger is committed
before anybody is told: only then is a result acknowledged.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.engine import Engine
from common.errors import ImageError, ProtocolError, SourceChangedError
from common.jobs import Job, check_outputs, job_id
from common.logs import get_logger
from common.notify import Notifier
from common.protocol import Failed, Result
from common.recipe import Recipe
from common.wakeup import StopSignal
from listener.folder import ChangedError, Folder, Loaded
from listener.intake import Intake, JobInHand
from listener.ledger import Ledger
from listener.placement import OutputTree, is_permanent
from listener.rhythm import Rhythm
from listener.scan import Gone, Listing, MassDisappearance, Scan, Settled, Version

TURN = 0.5  # seconds the loop sleeps at most
WRITE_RETRY = 5.0  # seconds between tries to write outputs where the disk is full or away
ONCE_TRIES = 3  # of these when the listener is to end by itself
FRESH, BACKFILL = 0, 5  # priorities at the broker

log = get_logger("listener")

Event = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Options:
    """settle and interval are in seconds; once ends the listener when everything there has been done."""

    source: Path
    settle: float
    interval: float
    once: bool


class ListenerService:
    """Runs one source through one engine: the fleet behind a broker, or any other."""

    def __init__(self, options: Options, recipe: Recipe, engine: Engine, ledger: Ledger, tree: OutputTree) -> None:
        self._options = options
        self._engine = engine
        self._recipe = recipe
        self._recipe_bytes = recipe.to_bytes()
        self._needs = tuple(sorted(recipe.filters))
        self._ledger = ledger
        self._tree = tree
        self._folder = Folder(options.source)
        self._intake = Intake(engine.window, engine.inline_limit)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="read")
        self._writers = ThreadPoolExecutor(4, thread_name_prefix="write")
        self._scanner = ThreadPoolExecutor(1, thread_name_prefix="scan")
        self._acknowledge: list[bytes] = []
        self._later: list[tuple[float, Event]] = []
        self._rhythm = Rhythm(options.interval, options.settle)
        self._stopping = False
        self._backfill: Collection[str] | None = None  # what the first scan found
        self._quiet_scans = 0  # in a row that found nothing
        self._doubted: frozenset[str] = frozenset()  # what vanished all at once, when it was last said
        self.unread: Mapping[str, str] = {}  # folders of the last scan that could not be read, and why

    def run(self, stop: StopSignal, notifier: Notifier, turned: Callable[[], None]) -> None:
        """Serve until told to stop or, with once, until everything is done; turned is called in every turn."""
        self._load_ledger()
        unwatch = self._watch()
        notifier.ready()
        log.info("listener started", source=str(self._options.source), pending=self._intake.waiting)
        while not stop.is_set and not self.finished:
            self._turn()
            turned()
            notifier.alive()
        notifier.stopping()
        unwatch()
        self._stopping = True
        for pool in (self._scanner, self._readers, self._writers):
            pool.shutdown(cancel_futures=True)
        self._drain_events()
        log.info("listener stopped", failed=self._ledger.progress().failed)

    @property
    def finished(self) -> bool:
        return self._options.once and self._quiet_scans > 0 and not self._scan.unsettled and self._intake.idle

    def _watch(self) -> Callable[[], None]:
        """Hear of changes; of no use to a run that scans until nothing is left. Returns what ends it."""
        return (lambda: None) if self._options.once else self._folder.watch(lambda: self._events.put(self._hint))

    def _load_ledger(self) -> None:
        self._ledger.retry_transient()
        self._ledger.commit()
        self._scan = Scan(self._ledger.settled(), self._options.settle)
        for path, version, fresh in self._ledger.pending():
            self._intake.add(path, version, fresh=fresh)

    def _turn(self) -> None:
        now = time.monotonic()
        wait = min([TURN, self._rhythm.wait(now), *(max(0.0, when - now) for when, _ in self._later)])
        with contextlib.suppress(queue.Empty):
            self._events.get(timeout=wait)()
        now = time.monotonic()
        due = [event for when, event in self._later if when <= now]
        self._later = [(when, event) for when, event in self._later if when > now]
        for event in due:
            event()
        if self._options.once and self._intake.idle:
            self._rhythm.hint(now)  # one more look, to find that nothing is left
        if self._rhythm.wait(now) == 0 and not self.finished:
            self._rhythm.begin(now)
            self._do(self._scanner, self._folder.list, self._on_listing)
        self._drain_events()
        self._feed()

    def _drain_events(self) -> None:
        """Handle what has come, make it durable, then tell the broker what it may forget."""
        for _ in range(self._events.qsize()):
            self._events.get()()
        self._ledger.commit()
        for job in self._acknowledge:
            self._engine.acknowledge(job)
        self._acknowledge.clear()

    def _do(self, pool: ThreadPoolExecutor, work: Callable[[], Any], done: Callable[[Future[Any]], None]) -> None:
        """Run work on a pool; done gets its future, here on the loop. What has not begun at the end never does."""

        def tell(future: Future[Any]) -> None:
            if not future.cancelled():
                self._events.put(functools.partial(done, future))

        if not self._stopping:
            pool.submit(work).add_done_callback(tell)

    # --- from the source to the window ----

    def _hint(self) -> None:
        self._rhythm.hint(time.monotonic())

    def _on_listing(self, future: Future[Listing]) -> None:
        listing = future.result()
        now = time.monotonic()
        if self._backfill is None:
            self._backfill = frozenset(listing.objects)
        findings = self._scan.update(listing, now)
        for finding in findings:
            match finding:
                case Settled(path, version):
                    fresh = path not in self._backfill
                    self._ledger.add(path, version, fresh=fresh)
                    self._intake.add(path, version, fresh=fresh)
                case Gone(path):
                    self._ledger.forget(path)
                case MassDisappearance(gone, known):
                    self._doubt(gone, known)
        quiet = all(isinstance(finding, MassDisappearance) for finding in findings)  # said again by every scan
        self._quiet_scans = self._quiet_scans + 1 if quiet else 0
        if listing.unread != self.unread:
            self.unread = listing.unread
            for folder, reason in listing.unread.items():
                log.error("folder left out", folder=folder, reason=reason)
        self._rhythm.end(time.monotonic(), unsettled=self._scan.unsettled > 0)

    def _doubt(self, gone: frozenset[str], known: int) -> None:
        """Nothing is forgotten, but for failures: there is nothing to protect, and nobody to read of them."""
        for path in gone:
            self._ledger.forget_failed(path)
        if gone != self._doubted:
            log.warning("most objects vanished at once: nothing is forgotten", gone=len(gone), known=known)
        self._doubted = gone

    def _feed(self) -> None:
        while (taken := self._intake.take()) is not None:
            path, version, fresh = taken
            work = functools.partial(self._folder.load, path, version, self._engine.inline_limit)
            self._do(self._readers, work, functools.partial(self._on_loaded, path, version, fresh))

    def _on_loaded(self, path: str, version: Version, fresh: bool, future: Future[Loaded]) -> None:
        try:
            loaded = future.result()
        except (ChangedError, FileNotFoundError):
            self._look_again(path, version)
            return
        except OSError as error:
            self._fail(path, version, f"The file cannot be read: {error.strerror}.", transient=True)
            return
        except ImageError as error:
            self._fail(path, version, str(error), transient=False)
            return
        job = job_id(loaded.digest, self._recipe)
        if job in self._intake.jobs:
            self._attach(job, path, version)
        elif (twin := self._ledger.same_job(job)) is not None:
            original, result = twin
            work = functools.partial(self._tree.copy, original, path, result.outputs)
            retry = functools.partial(self._submit, job, path, version, fresh, loaded)
            self._do(self._writers, work, functools.partial(self._on_copied, path, version, result, retry))
        else:
            self._submit(job, path, version, fresh, loaded)

    def _look_again(self, path: str, version: Version) -> None:
        """It is no longer what the scan saw: the next scan decides, unless an earlier one has already."""
        self._intake.release(path)
        if self._scan.forget(path, version):
            self._ledger.forget(path)
        self._quiet_scans = 0
        self._hint()

    def _submit(self, job: bytes, path: str, version: Version, fresh: bool, loaded: Loaded) -> None:
        if self._stopping:
            return
        if job not in self._intake.jobs:
            self._intake.jobs[job] = JobInHand(time.monotonic())
            payload = () if loaded.data is None else (loaded.data,)
            priority = FRESH if fresh else BACKFILL
            submission = Job(job, self._recipe_bytes, self._needs, version.size, payload, priority)
            reader = self._folder.reader(path, version) if loaded.data is None else None
            future = self._engine.submit(submission, reader)
            future.add_done_callback(lambda future: self._events.put(functools.partial(self._on_outcome, job, future)))
        self._attach(job, path, version)

    def _attach(self, job: bytes, path: str, version: Version) -> None:
        in_hand = self._intake.jobs[job]
        in_hand.waiting[path] = version
        if in_hand.result is not None:
            self._write(job, path)

    # --- from the result to the ledger ----

    def _on_outcome(self, job: bytes, future: Future[Result | Failed]) -> None:
        error = future.exception()
        in_hand = self._intake.jobs[job]
        if isinstance(error, SourceChangedError):
            for path, version in in_hand.waiting.items():
                self._look_again(path, version)
            del self._intake.jobs[job]
            return
        outcome = future.result() if error is None else Failed(job, "transient", f"The engine failed: {error}")
        in_hand.turnaround = time.monotonic() - in_hand.submitted_at
        if isinstance(outcome, Result):
            try:
                check_outputs(self._recipe, outcome.outputs)
            except ProtocolError as error:
                outcome = Failed(job, "transient", str(error))
        if isinstance(outcome, Failed):
            for path, version in in_hand.waiting.items():
                self._fail(path, version, outcome.reason, transient=outcome.kind == "transient")
            self._end_job(job)
            return
        in_hand.result = outcome
        for path in list(in_hand.waiting):
            self._intake.add_outputs(path, sum(output.size for output in outcome.outputs))
            self._write(job, path)

    def _write(self, job: bytes, path: str) -> None:
        result = self._intake.jobs[job].result
        assert result is not None
        work = functools.partial(self._tree.write_timed, path, result.outputs, result.payload)
        self._do(self._writers, work, functools.partial(self._on_written, job, path))

    def _on_written(self, job: bytes, path: str, future: Future[float]) -> None:
        in_hand = self._intake.jobs[job]
        error = future.exception()
        if isinstance(error, OSError) and not self._is_final(error, in_hand, path):
            log.error("outputs cannot be written, trying again", path=path, error=error.strerror)
            self._later.append((time.monotonic() + WRITE_RETRY, lambda: self._write(job, path)))
            return
        version = in_hand.waiting.pop(path)
        if isinstance(error, OSError):
            reason = f"The outputs cannot be written: {error.strerror}."
            self._fail(path, version, reason, transient=not is_permanent(error))
        else:
            seconds = future.result()  # anything but an OSError is a bug, and ends the listener
            assert in_hand.result is not None
            self._record(path, version, in_hand.result, seconds, in_hand.turnaround)
        if not in_hand.waiting:
            self._end_job(job)

    def _is_final(self, error: OSError, in_hand: JobInHand, path: str) -> bool:
        in_hand.tries[path] += 1
        return is_permanent(error) or (self._options.once and in_hand.tries[path] >= ONCE_TRIES)

    def _on_copied(self, path: str, version: Version, result: Result, retry: Event, future: Future[bool]) -> None:
        if future.exception() is None and future.result():
            self._record(path, version, result, 0.0, 0.0)
        else:
            retry()

    def _record(self, path: str, version: Version, result: Result, write: float, turnaround: float) -> None:
        engine = self._engine.name
        self._ledger.done(path, version, result, engine=engine, write=write, turnaround=turnaround)
        self._intake.release(path)

    def _fail(self, path: str, version: Version, reason: str, *, transient: bool) -> None:
        log.warning("image failed", path=path, reason=reason)
        self._ledger.failed(path, version, reason, transient=transient)
        self._intake.release(path)

    def _end_job(self, job: bytes) -> None:
        del self._intake.jobs[job]
        self._acknowledge.append(job)
