"""A listener's process: the real core and ledger and the real client core, between a simulated source and output."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.broker.actions import Side
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Recipe
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
from filterfleet.listener.core.events import (
    Cleared,
    Ended,
    Event,
    Glanced,
    Heard,
    Listed,
    Loaded,
    Ordered,
    Published,
    SourceChanged,
    TransferFailed,
)
from filterfleet.listener.core.order import Order
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import Backfill, Failures, Settings
from filterfleet.listener.shares import Sharing
from tests.simulation.books import WatchedLedger
from tests.simulation.fleet import Fleet
from tests.simulation.invariants import InvariantError, audit_listener
from tests.simulation.naming import recipe_of
from tests.simulation.nodes import SETTINGS, Peer
from tests.simulation.photos import Photo
from tests.simulation.places import Output, Source, do
from tests.simulation.router import Frames
from tests.simulation.users import Users

if TYPE_CHECKING:
    from tests.simulation.world import World

KEY = 16  # bytes of a job id that stand for the content


class ListenerNode(Peer):
    """Source, output and the committed part of the ledger survive its crashes. Its settings stay the same from life to
    life."""

    side = Side.FRONTEND

    def __init__(self, world: World, name: str, photos: int) -> None:
        super().__init__(world, name)
        rng = world.rng
        self.source = Source(name, world.camera, rng)
        self.output = Output(world.camera)
        self.recipe = recipe_of(world.seed, name)
        self.ledger = WatchedLedger(self.output, Path(":memory:"), name, self.recipe.digest.hex())
        self.settings = Settings(
            settle=rng.choice([0.0, 0.5]),
            interval=rng.choice([0.5, 2.0]),
            once=rng.random() < 0.25,
            backfill=rng.choice([*[Backfill.OLDEST] * 2, Backfill.NEWEST, Backfill.NONE]),
            failures=rng.choice(list(Failures)),
            departs=rng.random() < 0.25,
            engine="fleet",
            window=rng.choice([4, 16, 40]),
            small=SETTINGS.inline_limit,
            once_patience=15.0,
            another_try=5.0,
        )
        self.source.locked = rng.random() < 0.1  # from the start, perhaps until the faults end
        self.source.unstable = rng.random() < 0.1
        self.watching = not self.settings.once and rng.random() < 0.5
        self.looking, self.glancing = rng.random() < 0.5, rng.random() < 0.5
        self.users = Users(self)
        for _ in range(photos):
            self.users.upload()

    # --- what users are seen to do ----

    def ordered(self, id_: str, order: Order) -> None:
        if self.alive:
            self.do(self._on, Ordered(id_, order))

    def heard(self, path: str) -> None:
        self.do(self._on, Heard(path))

    # --- the process ----

    def boot(self) -> None:
        self.ledger.begin_life()
        rng = self.world.rng_for(self)
        self.fleet = Fleet(self, rng)
        self.core = ListenerCore(self.settings, self.recipe, self.ledger, rng)
        self._engine = Sharing(self.fleet, self.world.share) if self.world.share.used else self.fleet
        self._unfinished: dict[bytes, Recipe] = {}  # of jobs that the core has begun and not acknowledged
        self._begun: set[tuple[str, Version]] = set()  # backfill that has been loaded, or is to be
        self._scanner: deque[Glance | List] = deque()  # under way, and in line behind it
        self.fleet.start()
        self.core.start(self.now, watching=self.watching, looking=self.looking, glancing=self.glancing)
        for id_, order in self.users.orders.items():
            self._act(self.core.on(Ordered(id_, order), self.now))
        self._tick()

    def crash(self) -> None:
        super().crash()
        self.ledger.crash()
        self.output.crash()
        self.users.pausing.killed()

    def deadline(self) -> float:
        return min(self.fleet.deadline(), self.now + self.core.wait(self.now))

    def wake(self) -> None:
        self.fleet.wake()
        self._tick()

    def receive(self, frames: Frames, _broker: int) -> None:
        self.fleet.receive(frames)
        self._tick()

    def refused(self, _broker: int) -> None:
        self.fleet.refused()

    def _on(self, event: Event) -> None:
        if isinstance(event, Glanced):
            self.ledger.glimpses(event.listing)
        if isinstance(event, Listed):
            self.ledger.sees(event.listing, self.settings.backfill)
        self._act(self.core.on(event, self.now))
        if isinstance(event, Listed):
            self.ledger.check_order(self.settings.backfill)
        self._tick()

    def _tick(self) -> None:
        if not self.alive:
            return
        self._act(self.core.on_tick(self.now))
        audit_listener(self.core)
        if not self.core.has_findings:
            self.ledger.check_listed()
        if self.core.finished:
            self._end()

    def _end(self) -> None:
        """A listener with --once ends when everything is done. Its user starts it again after a while."""
        self.core.stop()
        self._act(self.core.end())
        self.tell("has nothing left to do, and ends")
        if left := self.ledger.left_of_listing():
            raise InvariantError(f"{self.name} ends, and {left} is not done")
        self.world.crash_for(self, 2.0)

    # --- the listener's actions ----

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Note(_, event, fields):
                    self.tell(f"notes {event!r} {dict(fields)}")
                case Submit():
                    self._submit(action)
                case Close():
                    pass  # nothing here is in a file
                case Acknowledge(job):
                    self._acknowledge(job)
                case Answer(id_):
                    self._answer(id_)
                case Glance() | List():
                    self._scanner.append(action)
                    if len(self._scanner) == 1:
                        self._scan(action)
                case Look():
                    self._scan(action)
                case _:
                    self._begin(action)
        self._check_turns(actions)
        self.users.pausing.check(self.name, actions)

    def _check_turns(self, actions: list[Action]) -> None:
        """No backfill is begun while a fresh upload could be. Trying a transfer again does not count as a beginning."""
        loads = {(action.path, action.version) for action in actions if isinstance(action, Load) and not action.urgent}
        if loads - self._begun:
            for path in self.core.desk.intake.fresh:
                if not self.core.desk.is_busy(path):
                    raise InvariantError(f"{self.name} begins backfill, and the fresh {path} waits")
        self._begun |= loads

    def _scan(self, action: Glance | List | Look) -> None:
        """A glance and a list run one after the other, looks beside them. They show an earlier state of the source than
        that at their end."""
        seen, told = self.world.rng.uniform(0.0, 0.1), self.world.rng.uniform(0.0, 0.1)
        if isinstance(action, List) and self.world.rng.random() < 0.3:
            told += 1.0  # a large folder: what is seen of it may be old when it is told
        self.later(seen, self._see, action, told)

    def _see(self, action: Glance | List | Look, told: float) -> None:
        self.later(told, self._scanned, action, do(self.source, self.output, action))

    def _scanned(self, action: Glance | List | Look, event: Event) -> None:
        if not isinstance(action, Look):
            self._scanner.popleft()
            if self._scanner:
                self._scan(self._scanner[0])
        self._on(event)

    def _begin(self, action: Transfer) -> None:
        if isinstance(action, TakeAway):
            self.ledger.check_done(action.path, action.version)
        self.later(self.world.rng.uniform(0.0, 0.2), self._transfer, action)

    def _transfer(self, action: Transfer) -> None:
        event = do(self.source, self.output, action)
        if isinstance(action, Load) and isinstance(event, Loaded) and self.source.photos[action.path].partial:
            raise InvariantError(f"{self.name} loads {action.path} while it is being uploaded")
        self.tell(f"{action!r:.60}: {type(event).__name__}")
        limit = self.settings.once_patience if self.settings.once else None
        for single in _singly(action, event):
            self.ledger.transferred(single, self.now, limit=limit)
        alone = isinstance(event, TransferFailed) and event.trouble is not None and event.trouble.alone
        self.later(0.0, self._on_alone if alone else self._on, event)
        if isinstance(event, TransferFailed):
            self.later(0.0, self._tick)

    def _on_alone(self, event: Event) -> None:
        before = self.core.desk.source.pause(self.now)
        self._on(event)
        if self.core.desk.source.pause(self.now) > before:
            raise InvariantError(f"{self.name} has everything wait for one object that is in trouble alone")

    def _submit(self, action: Submit) -> None:
        recipe = self._unfinished[action.job] = self.recipe.of(action.path)
        share = self.world.share
        reference = share.refer(self.name, self._photo_at(action)) if share.used else b""
        payload = (bytes(action.image),) if action.size <= SETTINGS.inline_limit and not reference else ()
        job = Job(
            action.job,
            recipe.to_bytes(),
            tuple(sorted(recipe.needs)),
            action.size,
            payload,
            action.priority,
            recipe.names,
            reference,
        )
        self._engine.submit(job).add_done_callback(partial(self._told, action.job))

    def _photo_at(self, action: Submit) -> Photo:
        """Where its image was loaded from, if that counts: other jobs may have the same image."""
        photo = self.source.photos.get(action.path)
        if photo is not None and photo.key == action.job[:KEY]:
            return photo
        photo = self.photo_of(action.job)
        return replace(photo, path=action.path) if action.path else photo

    def photo_of(self, job: bytes) -> Photo:
        """Where its image is now, if it is anywhere."""
        photo = self.world.camera.photo(job[:KEY])
        return next((other for other in self.source.photos.values() if other.key == photo.key), photo)

    def _told(self, job: bytes, future: Future[Result | Failed]) -> None:
        if future.exception() is not None:
            del self._unfinished[job]
            self.later(0.0, self._on, SourceChanged(job))
        else:
            self.later(0.0, self._bring, Ended(job, future.result()))

    def _bring(self, ended: Ended) -> None:
        """Not where a future ends: it would keep to itself what is wrong."""
        self.fleet.check(ended.outcome, self._unfinished[ended.job])
        self._on(ended)

    def _acknowledge(self, job: bytes) -> None:
        if not self.ledger.durable:
            raise InvariantError(f"{self.name} acknowledges {job[:KEY]!r} before what it knows of it is durable")
        if job not in self._unfinished:
            raise InvariantError(f"{self.name} acknowledges {job[:KEY]!r}, which is not under way")
        del self._unfinished[job]
        self._engine.acknowledge(job)

    def _answer(self, id_: str) -> None:
        if not self.ledger.durable:
            raise InvariantError(f"{self.name} answers an order before its effect is durable")
        self.users.answered(id_)

    # --- the end ----

    @property
    def finished(self) -> bool:
        """Whether every photo has had its outcome and nothing is under way."""
        idle = self.core.idle and not self.users.orders if self.alive else self.settings.once
        return idle and all(map(self.ledger.knows_end, self.source.expected.values()))

    @property
    def left(self) -> list[str]:
        """Photos that have had no outcome."""
        return [path for path, photo in self.source.expected.items() if not self.ledger.knows_end(photo)]


def _singly(action: Transfer, event: Event) -> Iterator[Event]:
    """What an event says about each path, as if it had been published alone."""
    if not (isinstance(action, Publish) and isinstance(event, Published)):
        yield event
        return
    for path in action.paths:
        yield TransferFailed(path, event.troubles[path]) if path in event.troubles else Cleared(path)
