"""A worker's process: the session, and threads that take virtual time."""

from __future__ import annotations

import functools

from broker.actions import Side
from common.blob import read
from common.protocol import Data, Message, Output
from tests.simulation.invariants import InvariantError
from tests.simulation.network import Frames
from tests.simulation.nodes import SETTINGS, Peer
from tests.simulation.photos import Photo
from worker import session as worker_session
from worker.runs import Runs
from worker.session import Done, Profile, WorkerSession

OURS = b"not an image"  # how our own workers answer a basic client's echo request
STUCK_AFTER = SETTINGS.task_timeout + 5  # seconds


class WorkerNode(Peer):
    """Runs tasks for a while each; what a task does to it depends on the photo."""

    side = Side.BACKEND

    def boot(self) -> None:
        rng = self.world.rng_for(self)
        self.speed = self.world.rng.choice([0.2, 0.5, 1.0, 1.0, 4.0, 10.0])  # seconds a task takes at most
        self.threads = self.world.rng.choice([1, 2, 3])
        profile = Profile(self.threads, 2, ("f",), self.name, "sim", 10_000)
        self.session = WorkerSession(profile, rng, self.world.new_file)
        self.runs = Runs(self.threads)
        self.known: set[bytes] = set()  # leases to be run
        self._act(self.session.start(self.now))

    def deadline(self) -> float:
        return self.session.deadline()

    def wake(self) -> None:
        self._act(self.session.on_tick(self.now))

    def receive(self, frames: Frames) -> None:
        self._act(self.session.on_message(frames, self.now) + self.session.on_tick(self.now))

    def refused(self) -> None:
        self._act(self.session.on_refused(self.now))

    def drain(self) -> None:
        self._act(self.session.drain(self.now))

    def _act(self, actions: list) -> None:
        messages: list[Message] = []
        for action in actions:
            match action:
                case worker_session.Send(message):
                    messages.append(message)
                case worker_session.SendFrames(frames):
                    self.send_messages(messages)
                    messages = []
                    self.send([bytes(frame) for frame in frames])
                case worker_session.Open(identity):
                    messages = []
                    self.open(identity)
                case worker_session.Run():
                    self._take(action)
                case worker_session.Abandon(lease):
                    self.known.discard(lease)
                    self.runs.drop((0, lease))
                case worker_session.ReadBlob():
                    self._read(action, messages)
        self.send_messages(messages)
        self._fill_threads()
        if self.session.draining and self.session.idle:
            self.tell("has drained and ends")
            self.world.crash_for(self, 0.5)

    def _take(self, run: worker_session.Run) -> None:
        if run.lease in self.known:
            raise InvariantError(f"{self.name} is to run one lease twice")
        self.known.add(run.lease)
        self.runs.add((0, run.lease), run)

    def _read(self, action: worker_session.ReadBlob, messages: list[Message]) -> None:
        get = action.get
        if self.world.disk_fails():
            self.tell("cannot read an output")
            self._act(self.session.on_unreadable(get.id, "unreadable", self.now))
        else:
            messages.append(Data(get.id, get.blob, get.offset, (bytes(read(action.blob, get.offset, get.length)),)))

    def _fill_threads(self) -> None:
        while (begun := self.runs.next()) is not None:
            _, run = begun
            self._act(self.session.on_begun(run.lease))
            photo = None if run.opaque else self.world.camera.photo(bytes(run.image)[:16])
            if photo is not None and self._gets_stuck(photo):
                self.tell(f"has a thread stuck on {photo.job!r}")
                self.later(STUCK_AFTER, lambda: self.world.crash_for(self, 0.3))
            else:
                self.later(self.speed * self.world.rng.uniform(0.05, 1.0), functools.partial(self._end, run, photo))

    def _gets_stuck(self, photo: Photo) -> bool:
        return photo.kind == "endless" or (photo.kind == "hang" and self.world.camera.first_time(photo))

    def _end(self, run: worker_session.Run, photo: Photo | None) -> None:
        if photo is not None and photo.kind == "poison":
            self.tell(f"dies of {photo.job!r}")
            self.world.crash_for(self, 0.3)
            return
        self.known.discard(run.lease)
        self.runs.ended((0, run.lease))
        if photo is None:
            self._act(self._done(run, "answer", OURS))
        elif photo.kind == "bad":
            self._act(self.session.on_failed(run.lease, "permanent", "bad image", self.now))
        elif photo.kind == "failing":
            self._act(self.session.on_failed(run.lease, "transient", "never works", self.now))
        elif photo.kind == "flaky" and self.world.camera.first_time(photo):
            self._act(self.session.on_failed(run.lease, "transient", "flaky", self.now))
        else:
            self._act(self._done(run, "out", b"done:" + bytes(run.image)))

    def _done(self, run: worker_session.Run, name: str, blob: bytes) -> list:
        return self.session.on_result(run.lease, Done((Output(name, "jpeg", len(blob)),), (blob,), {}), self.now)
