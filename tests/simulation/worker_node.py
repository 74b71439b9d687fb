"""A worker's process: a session with each broker, and threads that take virtual time."""

from __future__ import annotations

from msgspec import structs

from filterfleet.broker.actions import Side
from filterfleet.common.blob import read
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import Data, Message, OutputFile
from filterfleet.common.wire.actions import Open, Send
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Action, Profile, ReadBlob, Run, SendFrames
from filterfleet.worker.leases.runs import Key, Runs
from filterfleet.worker.leases.session import WorkerSession
from tests.memory_file import Shelf
from tests.simulation.invariants import InvariantError
from tests.simulation.liars import LARGE_LIE, SMALL_LIE, allowed, most_requests
from tests.simulation.naming import FILTERS, SOURCED, written
from tests.simulation.nodes import SETTINGS, Peer
from tests.simulation.photos import Photo
from tests.simulation.router import Frames

OURS = b"not an image"  # how our own workers answer a basic client's echo request
SPEEDS = (0.001, 0.2, 0.5, 1.0, 1.0, 4.0, 10.0)  # seconds that a task takes at most; a worker's may change
STUCK_AFTER = SETTINGS.task_timeout + 5  # seconds


class WorkerNode(Peer):
    """Runs tasks for a while each; what a task does to it depends on the photo."""

    side = Side.BACKEND

    def boot(self) -> None:
        rng = self.world.rng_for(self)
        self.speed = self.world.rng.choice(SPEEDS)
        self.threads = self.world.rng.choice([1, 2, 3])
        sees = self.world.share.is_seen()
        profile = Profile(self.threads, 2, (*FILTERS, *self.abilities), self.name, "sim", 10_000, shares=sees)
        self.sessions = [WorkerSession(profile, rng) for _ in self.world.brokers]
        self.shelves = [Shelf(self.world.new_file) for _ in self.world.brokers]
        self.runs = Runs(self.threads)
        self.known: set[Key] = set()  # leases to be run
        for broker, session in enumerate(self.sessions):
            self._act(broker, session.start(self.now))

    @property
    def is_before_names(self) -> bool:
        """Those of the earlier version know no names, unless all workers are of it."""
        old = self.world.old
        return self.name in old and any(worker.name not in old for worker in self.world.workers)

    @property
    def abilities(self) -> tuple[str, ...]:
        return () if self.is_before_names else (SOURCED,)

    def deadline(self) -> float:
        return min(session.deadline() for session in self.sessions)

    def wake(self) -> None:
        for broker, session in enumerate(self.sessions):
            self._act(broker, session.on_tick(self.now))

    def receive(self, frames: Frames, broker: int) -> None:
        if most_requests(frames) > allowed(SETTINGS):
            raise InvariantError(f"{self.name} is asked for more parts than one lease may have under way")
        session = self.sessions[broker]
        self._act(broker, session.on_message(frames, self.now) + session.on_tick(self.now))
        while session.gets:
            self._act(broker, session.answer())

    def refused(self, broker: int) -> None:
        self._act(broker, self.sessions[broker].on_refused(self.now))

    def drain(self) -> None:
        for broker, session in enumerate(self.sessions):
            self._act(broker, session.drain(self.now))

    def _act(self, broker: int, actions: list[Action]) -> None:
        if not self.alive:  # something that another session asked for has ended it
            return
        messages: list[Message] = []
        for action in self.shelves[broker].settle(self.sessions[broker], actions, self.now):
            match action:
                case Send(message):
                    messages.append(message)
                case SendFrames(frames):
                    self.send_messages(messages, broker)
                    messages = []
                    self.send([bytes(frame) for frame in frames], broker)
                case Open(identity):
                    messages = []
                    self.open(identity, broker)
                case Run():
                    self._take((broker, action.lease), action)
                case Abandon(lease):
                    self.known.discard((broker, lease))
                    self.runs.drop((broker, lease))
                case ReadBlob():
                    self._read(broker, action, messages)
        self.send_messages(messages, broker)
        self._fill_threads()
        if all(session.draining and session.idle for session in self.sessions):
            self.tell("has drained and ends")
            self.world.crash_for(self, 0.5)

    def _take(self, key: Key, run: Run) -> None:
        if key in self.known:
            raise InvariantError(f"{self.name} is to run one lease twice")
        if not run.opaque and Recipe.from_bytes(run.recipe).source and self.is_before_names:
            raise InvariantError(f"{self.name} is given a recipe that its version does not know")
        self.known.add(key)
        self.runs.add(key, run)

    def _read(self, broker: int, action: ReadBlob, messages: list[Message]) -> None:
        get = action.get
        if self.world.disk_fails():
            self.tell("cannot read an output")
            self._act(broker, self.sessions[broker].on_unreadable(get.id, "unreadable", self.now))
        else:
            messages.append(Data(get.id, get.blob, get.offset, (bytes(read(action.blob, get.offset, get.length)),)))

    def _fill_threads(self) -> None:
        while (begun := self.runs.next()) is not None:
            key, run = begun
            self._check_company()
            broker, lease = key
            self._act(broker, self.sessions[broker].on_begun(lease, self.now))
            if run.reference and (run := self._look(key, run)) is None:
                continue
            photo = None if run.opaque else self.world.camera.photo(bytes(run.image)[:16])
            if photo is not None and self._gets_stuck(photo):
                self.tell(f"has a thread stuck on {photo.key!r}")
                self.later(STUCK_AFTER, self.world.crash_for, self, 0.3)
            else:
                if self.world.rng.random() < 0.1:
                    self.speed = self.world.rng.choice(SPEEDS)
                seconds = self.speed * self.world.rng.uniform(0.05, 1.0)
                self.later(seconds, self._end, key, run, photo, seconds)

    def _look(self, key: Key, run: Run) -> Run | None:
        """The run with its image, which has been read from the share; None when it has to come by value."""
        photo = self.world.share.look(run.reference)
        if photo is not None:
            return structs.replace(run, image=photo.content)
        self.known.discard(key)
        self.runs.ended(key)
        broker, lease = key
        self._act(broker, self.sessions[broker].on_not_shared(lease, self.now))
        return None

    def _check_company(self) -> None:
        running = self.runs._running.values()
        if len(running) > self.threads:
            raise InvariantError(f"{self.name} runs more images than it has threads")
        if len(running) > 1 and any(run.alone for run in running):
            raise InvariantError(f"{self.name} runs a trial beside something else")

    def _gets_stuck(self, photo: Photo) -> bool:
        return photo.kind == "endless" or (photo.kind == "hang" and self.world.camera.first_time(photo))

    def _end(self, key: Key, run: Run, photo: Photo | None, seconds: float) -> None:
        if photo is not None and photo.kind == "poison":
            self.tell(f"dies of {photo.key!r}")
            self.world.crash_for(self, 0.3)
            return
        self.known.discard(key)
        self.runs.ended(key)
        broker, lease = key
        self.sessions[broker].on_worked(1, seconds)
        self._act(broker, self._outcome(self.sessions[broker], lease, run, photo))

    def _outcome(self, session: WorkerSession, lease: bytes, run: Run, photo: Photo | None) -> list[Action]:
        if photo is None:
            return session.on_result(lease, _done("answer", OURS), self.now)
        if photo.kind == "bad":
            return session.on_failed(lease, "permanent", "bad image", self.now)
        if photo.kind == "failing":
            return session.on_failed(lease, "transient", "never works", self.now)
        if photo.kind == "flaky" and self.world.camera.first_time(photo):
            return session.on_failed(lease, "transient", "flaky", self.now)
        if photo.kind == "good" and self.name in self.world.greedy and photo.key not in self.world.lied:
            self.world.lied.add(photo.key)
            lie = self.world.rng.choice((LARGE_LIE, SMALL_LIE))
            return session.on_result(lease, lie, self.now)
        done = _done("out", b"done:" + bytes(run.image) + written(Recipe.from_bytes(run.recipe)))
        if run.reference:
            done = self.world.share.leave(run.reference, done, lies=self.name in self.world.greedy)
        return session.on_result(lease, done, self.now)


def _done(name: str, blob: bytes) -> Done:
    return Done((OutputFile(name, "jpeg", len(blob)),), (blob,), {})
