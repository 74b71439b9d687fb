"""The listener: one thread decides and keeps the ledger; others list, load, write and talk to the broker.

Every change of the ledger is committed before anybody is told: only then is a result acknowledged.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from filterfleet.common.errors import ImageError, ProtocolError, SourceChangedError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.jobs import check_outputs, job_id
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.text import size_text
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.attempts import Attempts, Final
from filterfleet.listener.core.intake import Intake, JobInHand
from filterfleet.listener.core.news import News
from filterfleet.listener.core.patience import Misses
from filterfleet.listener.core.rhythm import SHARE, Rhythm
from filterfleet.listener.core.scan import ROOT, Finding, Gone, Listing, MassDisappearance, Scan, Settled, Version
from filterfleet.listener.delivery import Delivery
from filterfleet.listener.interfaces import Loaded, Sink, Source, TransferError, Watch
from filterfleet.listener.ledger.ledger import Ledger, Progress
from filterfleet.listener.loop import Loop
from filterfleet.listener.settings.options import Backfill, Options

TURN = 0.5  # seconds the loop sleeps at most
ONCE_PATIENCE = 60.0  # seconds that a listener which is to end by itself waits for a source or an output
PROGRESS = 60.0  # seconds between words in the log about how far it is
ANOTHER_TRY = 600.0  # seconds until one that does not end tries again what was given up
FRESH, BACKFILL = 0, 5  # priorities at the broker

log = get_logger("listener")


class ListenerService:
    """Runs one source through one engine, the fleet behind a broker or any other, into one sink."""

    def __init__(
        self, options: Options, recipe: Recipe, engine: Engine, ledger: Ledger, source: Source, sink: Sink
    ) -> None:
        self._options = options
        self._recipe = recipe
        self._recipe_bytes = recipe.to_bytes()
        self._needs = tuple(sorted(recipe.filters))
        self._engine = engine
        self._ledger = ledger
        self._source = source
        self._sink = sink
        self._loop = Loop()
        self._scanner = self._loop.pool("scan", 1)
        patience = ONCE_PATIENCE if options.once else float("inf")
        self._at_source = Attempts(self._loop, "source", options.transfers, patience)
        self._at_sink = Attempts(self._loop, "output", options.transfers, patience)
        self._delivery = Delivery(
            self._loop, options, ledger, source, sink, self._at_source, self._at_sink, self._given_up
        )
        self._intake = Intake(self._window(), engine.inline_limit, options.spool, spooled=source.remote)
        self._settle = 0.0 if source.atomic else options.settle
        self._rhythm = Rhythm(options.interval, self._settle, 0.0 if options.once else SHARE)
        self._watch: Watch | None = None
        self._news = News(self._settle)
        self._first: frozenset[str] | None = None  # what the first scan found
        self._readable_at = float("-inf")  # the instant of the last scan that saw the source's root
        self._quiet_scans = 0  # in a row that found nothing
        self._doubted: frozenset[str] = frozenset()  # what vanished all at once, when it was last said
        self._misses = Misses()
        self._acknowledge: list[bytes] = []
        self.unread: Mapping[str, str] = {}  # folders of the last scan that could not be read, and why

    def run(
        self, stop: StopSignal, notifier: Notifier, turned: Callable[[], None], interrupt: Callable[[], None]
    ) -> None:
        """Serve until told to stop or, with once, until everything is done; turned is called in every turn, and
        interrupt at the end, to cut short what takes long at the source or the sink."""
        self._load_ledger()
        if not self._options.once:  # that scans until nothing is left
            self._watch = self._source.watch(self._on_change)
        notifier.ready()
        log.info("listener started", source=self._source.name, pending=self._intake.waiting)
        self._loop.later(PROGRESS, functools.partial(self._say_progress, self._ledger.progress()))
        while not stop.is_set and not self.finished:
            self._turn()
            turned()
            notifier.alive()
        notifier.stopping()
        if self._watch is not None:
            self._watch.stop()
        self._loop.stopping = True
        interrupt()
        self._loop.stop()
        self._commit()
        log.info("listener stopped", failed=self._ledger.progress().failed)

    @property
    def finished(self) -> bool:
        quiet = self._quiet_scans > 0 and not self._scan.unsettled
        return self._options.once and quiet and self._intake.idle and self._delivery.idle

    def _window(self) -> int:
        """Images worth having under way; while some are being moved to or from a cloud, others are to keep the engine
        busy."""
        return self._engine.window + self._options.transfers * (self._source.remote + self._sink.remote)

    def _load_ledger(self) -> None:
        self._ledger.retry_transient()
        self._ledger.commit()
        self._scan = Scan(self._ledger.settled(), self._settle)
        for path, version, fresh in self._ledger.pending():
            self._intake.add(path, version, fresh=fresh)
        if self._options.departs:
            for path, version in self._ledger.due():
                self._delivery.take_away(path, version, self._scan.depart)

    def _turn(self) -> None:
        now = time.monotonic()
        self._loop.turn(min(TURN, self._rhythm.wait(now), self._news.wait(now)))
        now = time.monotonic()
        if self._options.once and self._intake.idle:
            self._rhythm.hint(now)  # one more look, to find that nothing is left
        if self._rhythm.wait(now) == 0 and not self.finished:
            self._rhythm.begin(now)
            self._at_scan(self._source.list, functools.partial(self._on_listing, now))
        if self._watch is not None and self._news.wait(now) == 0:
            paths = self._news.begin(now)
            self._at_scan(functools.partial(self._watch.look, paths), functools.partial(self._on_look, paths, now))
        self._commit()
        self._feed()

    def _say_progress(self, before: Progress) -> None:
        progress = self._ledger.progress()
        if progress != before:
            log.info("progress", pending=progress.pending, done=progress.done, failed=progress.failed)
        self._loop.later(PROGRESS, functools.partial(self._say_progress, progress))

    def _commit(self) -> None:
        """Make durable what has come, then tell the engine what it may forget."""
        self._ledger.commit()
        for job in self._acknowledge:
            self._engine.acknowledge(job)
        self._acknowledge.clear()

    # --- from the source to the window ----

    def _on_change(self, path: str) -> None:
        self._loop.post(functools.partial(self._hear, path))

    def _hear(self, path: str) -> None:
        """Something has happened to this file, or at ROOT to anything. Before there has been a scan nobody knows what
        is fresh."""
        if path == ROOT or self._watch is None or self._first is None:
            self._rhythm.hint(time.monotonic())
        else:
            self._news.add(path, time.monotonic())

    def _at_scan(self, work: Callable[[], Any], done: Callable[[Future[Any]], None]) -> None:
        """One after the other, so that what is older is never compared with what is newer; urgent, since fresh ones may
        be found."""
        self._loop.do(self._scanner, work, done, urgent=True)

    def _on_look(self, paths: frozenset[str], began: float, future: Future[Mapping[str, Version]]) -> None:
        found, now = future.result(), time.monotonic()
        self._take_up(self._scan.look(paths, found, now, began))
        self._news.end(paths, self._scan.is_unsettled, now)
        self._feed()  # before all else that has come: a fresh upload is not to wait for it

    def _take_up(self, findings: Iterable[Finding]) -> None:
        for finding in self._in_order(findings):
            match finding:
                case Settled(path, version):
                    self._settled(path, version)
                case Gone(path):
                    self._ledger.forget(path)
                    self._misses.found(path)
                case MassDisappearance(gone, known):
                    self._doubt(gone, known)

    def _on_listing(self, began: float, future: Future[Listing]) -> None:
        listing = future.result()
        if self._loop.stopping:  # it was cut short by us, and says nothing of the source
            return
        now = time.monotonic()
        self._skip_backfill(listing)
        findings = self._scan.update(listing, now, began)
        self._take_up(findings)
        quiet = all(isinstance(finding, MassDisappearance) for finding in findings)  # said again by every scan
        self._quiet_scans = self._quiet_scans + 1 if quiet and not self._may_come_back(listing, now) else 0
        self._say_unread(listing)
        if ROOT not in listing.unread:
            self._readable_at = now
            self._first = frozenset(listing.objects) if self._first is None else self._first
        dice = random.random()  # noqa: S311 - no secret
        self._rhythm.end(time.monotonic(), unsettled=self._scan.unsettled > 0, failed=ROOT in listing.unread, dice=dice)
        self._feed()

    def _may_come_back(self, listing: Listing, now: float) -> bool:
        """The source is away, but has been there a moment ago."""
        return ROOT in listing.unread and now - self._readable_at < ONCE_PATIENCE

    def _say_unread(self, listing: Listing) -> None:
        if listing.unread == self.unread:
            return
        for folder, reason in listing.unread.items():
            log.error("folder left out", folder=folder, reason=reason)
        if not listing.unread:
            log.info("every folder can be read again")
        self.unread = listing.unread

    def _skip_backfill(self, listing: Listing) -> None:
        """What is there when a source is listed for the first time is no upload. What is still being written then
        becomes another version, and is."""
        if self._ledger.was_listed:
            return
        if self._options.backfill is Backfill.NONE:
            for path, version in listing.objects.items():
                self._ledger.skip(path, version)
                self._scan.skip(path, version)
        if not listing.unread:
            self._ledger.set_listed()

    def _in_order(self, findings: Iterable[Finding]) -> list[Finding]:
        newest = self._options.backfill is Backfill.NEWEST

        def age(finding: Finding) -> int:
            mtime = finding.version.mtime_ns if isinstance(finding, Settled) else 0
            return -mtime if newest else mtime

        return sorted(findings, key=age)

    def _settled(self, path: str, version: Version) -> None:
        fresh = self._first is not None and path not in self._first
        self._ledger.add(path, version, fresh=fresh)
        if self._source.remote and version.size > self._intake.disk:
            sizes = f"{size_text(version.size)}, and the spool {size_text(self._intake.disk)}"
            reason = f"The file has {sizes}: give the spool more with --spool-limit."
            self._ledger.failed(path, version, reason, transient=True)
        else:
            self._intake.add(path, version, fresh=fresh)

    def _doubt(self, gone: frozenset[str], known: int) -> None:
        """Nothing is forgotten, but for failures: there is nothing to protect, and nobody to read of them."""
        for path in gone:
            self._ledger.forget_failed(path)
        if gone != self._doubted:
            log.warning("most objects vanished at once: nothing is forgotten", gone=len(gone), known=known)
        self._doubted = gone

    def _feed(self) -> None:
        while not self._at_source.pause and (taken := self._intake.take()) is not None:
            path, version, fresh = taken
            self._at_source.do(
                path,
                functools.partial(self._load, path, version),
                functools.partial(self._on_loaded, path, version, fresh),
                functools.partial(self._on_unloaded, path, version),
                urgent=fresh,
            )

    def _load(self, path: str, version: Version) -> Loaded | ImageError:
        try:
            return self._source.load(path, version, self._engine.inline_limit)
        except ImageError as error:  # no trouble of the source's
            return error

    def _on_unloaded(self, path: str, version: Version, error: Final) -> None:
        if not isinstance(error, TransferError):
            if self._misses.missed(path, version, time.monotonic()):
                self._look_again(path, version)
                return
            error = TransferError("The source lists this file, and does not find it when it is loaded.", transient=True)
        self._fail(path, version, str(error), transient=error.transient)

    def _given_up(self, path: str, version: Version) -> None:
        if not self._options.once:
            self._loop.later(ANOTHER_TRY, functools.partial(self._try_again, path, version))

    def _try_again(self, path: str, version: Version) -> None:
        if self._scan.knows(path, version):
            self._ledger.add(path, version, fresh=False)
            self._intake.add(path, version, fresh=False)

    def _look_again(self, path: str, version: Version) -> None:
        """It is no longer what was seen: the next look decides, unless an earlier one has already."""
        self._intake.release(path)
        if self._scan.forget(path, version):
            self._ledger.forget(path)
        self._quiet_scans = 0
        self._hear(path)

    # --- through the engine ----

    def _on_loaded(self, path: str, version: Version, fresh: bool, loaded: Loaded | ImageError) -> None:
        self._misses.found(path)
        if isinstance(loaded, ImageError):
            self._fail(path, version, str(loaded), transient=False)
            return
        job = job_id(loaded.digest, self._recipe)
        submit = functools.partial(self._submit, job, path, version, fresh, loaded)
        if job in self._intake.jobs:
            self._attach(job, path, version)
        elif (twin := self._ledger.same_job(job)) is not None:
            original, result = twin
            record = functools.partial(self._record, path, version, result, 0.0, 0.0)
            self._delivery.copy(original, path, result, record, self._release(path), submit)
        else:
            submit()

    def _submit(self, job: bytes, path: str, version: Version, fresh: bool, loaded: Loaded) -> None:
        if self._loop.stopping:
            return
        if job not in self._intake.jobs:
            self._intake.jobs[job] = JobInHand(time.monotonic())
            payload, read = loaded.to_submit()
            priority = FRESH if fresh else BACKFILL
            submission = Job(job, self._recipe_bytes, self._needs, version.size, payload, priority)
            self._engine.submit(submission, read).add_done_callback(
                lambda future: self._loop.post(functools.partial(self._on_outcome, job, future), urgent=fresh)
            )
        self._attach(job, path, version)

    def _attach(self, job: bytes, path: str, version: Version) -> None:
        in_hand = self._intake.jobs[job]
        in_hand.waiting[path] = version
        if in_hand.result is not None:
            self._write(job, path)

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
            self._write(job, path)

    # --- from the result to the ledger ----

    def _write(self, job: bytes, path: str) -> None:
        in_hand = self._intake.jobs[job]
        assert in_hand.result is not None
        version = in_hand.waiting[path]
        self._intake.add_outputs(path, sum(output.size for output in in_hand.result.outputs), spooled=self._sink.remote)

        def record(seconds: float) -> None:
            assert in_hand.result is not None
            self._record(path, version, in_hand.result, seconds, in_hand.turnaround)

        def ended() -> None:
            self._intake.release(path)
            del in_hand.waiting[path]
            if not in_hand.waiting:
                self._end_job(job)

        urgent = self._intake.is_fresh(path)
        self._delivery.write(path, version, in_hand.result, record, ended, urgent=urgent)

    def _record(self, path: str, version: Version, result: Result, write: float, turnaround: float) -> None:
        departs = self._options.departs
        self._ledger.done(
            path, version, result, engine=self._engine.name, write=write, turnaround=turnaround, depart=departs
        )
        if departs:
            self._delivery.take_away(path, version, self._scan.depart)

    def _fail(self, path: str, version: Version, reason: str, *, transient: bool) -> None:
        self._delivery.fail(path, version, reason, transient=transient, ended=self._release(path))

    def _release(self, path: str) -> Callable[[], None]:
        return functools.partial(self._intake.release, path)

    def _end_job(self, job: bytes) -> None:
        del self._intake.jobs[job]
        self._acknowledge.append(job)
