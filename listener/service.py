"""The shell around the listener's core: executes its actions, on the thread of the ledger and on pools of threads."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from filterfleet.common.errors import FleetError, SourceChangedError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.job import Job, content_of
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger, tells_images
from filterfleet.common.metrics.families import Family
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.system import host_and_pid
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.core.actions import (
    Acknowledge,
    Action,
    Answer,
    Close,
    Glance,
    List,
    Load,
    Look,
    Note,
    Publish,
    Submit,
    TakeAway,
    Transfer,
)
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.events import Ended, Event, Heard, Ordered, SourceChanged
from filterfleet.listener.core.settings import Settings
from filterfleet.listener.interfaces import Sink, Source, Watch
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.loop import Loop
from filterfleet.listener.metrics import live_families
from filterfleet.listener.orders.box import Box
from filterfleet.listener.pool import Pool
from filterfleet.listener.settings.options import Options
from filterfleet.listener.shares import Exchange
from filterfleet.listener.transfers import Transfers, payload_of

TURN = 0.5  # seconds between two signs of life for the supervisor, and looks at the stop signal, at most

log = get_logger("listener")


class ReopenError(FleetError):
    """The settings have changed: this service ends, and one with the new settings begins."""


class Hints(Protocol):
    """Where others say that something has changed at the source."""

    def serve(self, changed: Callable[[str], None]) -> None:
        """Call changed(path), or changed(ROOT), from any thread."""


class ListenerService:
    """Runs one source through one engine, the fleet behind a broker or any other, into one sink."""

    def __init__(
        self,
        options: Options,
        recipe: Recipe,
        engine: Engine,
        ledger: Ledger,
        source: Source,
        sink: Sink,
        orders: Box | None = None,
        hints: Hints | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        """exchange: the engine is one for shares, which this is for."""
        self._core = ListenerCore(settings(options, engine, source, sink), recipe, ledger, random.SystemRandom())
        self._orders = orders
        self._hints = hints
        self._ordered: set[str] = set()  # ids of the orders that are being carried out
        self._next_look = 0.0  # for orders
        self._once = options.once
        self._recipe = recipe
        self._recipe_bytes = b"" if recipe.mentioned else recipe.to_bytes()  # "": each image has its own
        self._names = recipe.names
        self._needs = tuple(sorted(recipe.needs))
        self._engine = engine
        self._ledger = ledger
        self._source = source
        self._watch: Watch | None = None
        self._exchange = exchange
        self._transfers = Transfers(source, sink, recipe, engine.inline_limit, sidecar=options.sidecar)
        self._loop: Loop[Event] = Loop()
        self._scanner = self._loop.pool("scan", 1)
        self._looker = self._loop.pool("look", 1)  # a fresh upload is noticed while everything is being listed
        self._at_source = self._loop.pool("source", options.transfers)
        self._at_output = self._loop.pool("output", options.transfers)
        self._publisher = self._loop.pool("publish", 1)

    def run(
        self, stop: StopSignal, notifier: Notifier, turned: Callable[[], None], interrupt: Callable[[], None]
    ) -> None:
        """Serve until told to stop or, with once, until everything is done.

        turned is called in every turn, and may raise FleetError to stop, or ReopenError if this process goes on with
        another service; interrupt at the end, to cut short what takes long at the source or the sink.
        """
        if not self._once:  # that scans until nothing is left
            self._watch = self._start_watch()
        near = not self._source.remote
        self._core.start(time.monotonic(), watching=self._watch is not None, looking=near, glancing=near)
        notifier.ready()
        log.info("listener started", listener=host_and_pid(), source=self._source.name, pending=self._core.pending)
        self._turn(0.0)
        comes_back = False
        try:
            while not stop.is_set and not self.finished:
                self._turn(min(TURN, self._core.wait(time.monotonic())))
                turned()
                notifier.alive()
        except ReopenError:
            comes_back = True
            raise
        finally:
            if not comes_back:
                notifier.stopping()
            self._end(interrupt)

    def _start_watch(self) -> Watch | None:
        def heard(path: str) -> None:
            self._loop.post(Heard(path))

        watch = self._source.watch(heard)
        if self._hints is None:
            return watch
        self._hints.serve(heard)
        return watch or Watch(lambda: None)

    def _end(self, interrupt: Callable[[], None]) -> None:
        if self._watch is not None:
            self._watch.stop()
        self._core.stop()
        interrupt()
        for event in self._loop.stop():
            self._execute(self._core.on(event, time.monotonic()))
        while rest := self._core.publish_rest():
            for publish in rest:
                self._execute(self._core.on(self._transfers.do(publish), time.monotonic()))
        self._execute(self._core.end())
        log.info("listener stopped", failed=self._ledger.progress().failed)

    def families(self) -> list[Family]:
        """Its metrics, for the thread that calls run()."""
        return live_families(self._core, self._transfers.scanned)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, with once."""
        return self._core.finished

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why the source or the output, as a whole, cannot be used now."""
        return self._core.troubles

    @property
    def unread(self) -> Mapping[str, str]:
        """The folders that the last scan could not read, and why."""
        return self._core.unread

    def _turn(self, wait: float) -> None:
        for event in self._loop.events(wait, self._core.gather):
            self._execute(self._core.on(event, time.monotonic()))
        self._take_orders(time.monotonic())
        self._execute(self._core.on_tick(time.monotonic()))

    def _take_orders(self, now: float) -> None:
        """An order is taken once, and stays in its box until it is answered."""
        if self._orders is None or now < self._next_look:
            return
        self._next_look = now + TURN
        for id_, order in self._orders.take():
            if id_ not in self._ordered:
                log.info("order", order=type(order).__name__, id=id_)
                self._ordered.add(id_)
                self._execute(self._core.on(Ordered(id_, order), now))

    def _execute(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Submit():
                    self._submit(action)
                case Acknowledge(job):
                    self._engine.acknowledge(job)
                case Close(blob):
                    blob.close()
                case Answer(id_, count):
                    self._answer(id_, count)
                case Note(level, event, fields):
                    log.at(level, event, fields)
                case _:
                    self._loop.do(self._pool(action), partial(self._transfers.do, action), urgent=action.urgent)

    def _answer(self, id_: str, count: int) -> None:
        self._ordered.discard(id_)
        if self._orders is not None:
            self._orders.answer(id_, {"count": count})

    def _pool(self, action: Transfer) -> Pool[Event]:
        match action:
            case Glance() | List():
                return self._scanner
            case Look():
                return self._looker
            case Load() | TakeAway():
                return self._at_source
            case Publish():
                return self._publisher
            case _:
                return self._at_output

    def _submit(self, action: Submit) -> None:
        payload, read = payload_of(action.image)
        reference = self._exchange.refer(action.image, content_of(action.job)) if self._exchange else b""
        recipe = self._recipe_bytes or self._recipe.of(action.path).to_bytes()
        job = Job(action.job, recipe, self._needs, action.size, payload, action.priority, self._names, reference)

        def tell(future: Future[Result | Failed]) -> None:
            if not future.cancelled():  # as an engine does that is closed before it has begun the job
                self._loop.post(_end_of(action.job, future), urgent=action.urgent)

        self._engine.submit(job, read).add_done_callback(tell)


def settings(options: Options, engine: Engine, source: Source, sink: Sink) -> Settings:
    """The core's settings, from the user's choices and the properties of source, sink and engine."""
    return Settings(
        settle=0.0 if source.atomic else options.settle,
        interval=options.interval,
        once=options.once,
        backfill=options.backfill,
        failures=options.failures,
        departs=options.departs,
        engine=engine.name,
        # While some images are being moved to or from a cloud, others are to keep the engine busy.
        window=engine.window + options.transfers * (source.remote + sink.remote),
        small=engine.inline_limit,
        spool=options.spool,
        spooled_in=source.remote,
        spooled_out=sink.remote,
        sidecar=options.sidecar,
        log_images=tells_images(),
    )


def _end_of(job: bytes, future: Future[Result | Failed]) -> Event:
    error = future.exception()
    if isinstance(error, SourceChangedError):
        return SourceChanged(job)
    if error is not None:
        return Ended(job, Failed(job, "transient", f"The engine failed: {error}"))
    return Ended(job, future.result())
