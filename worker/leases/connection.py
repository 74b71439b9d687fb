"""A worker and one of its brokers: the session with the broker, and the socket and files that the session asks for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

from filterfleet.common.blob import Blob, BlobStore, read
from filterfleet.common.client.brokers import shown_address
from filterfleet.common.contacts import ContactLog
from filterfleet.common.logs import get_logger
from filterfleet.common.payload import Payload
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import Data, Failed
from filterfleet.common.wire.actions import Discard, Open, Send, Store
from filterfleet.common.wire.gets import AT_ONCE
from filterfleet.common.wire.peer import LOOK, PeerSocket
from filterfleet.common.words import SILENT, Contact
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Action, Close, Profile, ReadBlob, Run, SendFrames
from filterfleet.worker.leases.runs import Key
from filterfleet.worker.leases.session import WorkerSession
from filterfleet.worker.leases.settings import LINGER, QUIET
from filterfleet.worker.shares import ByValue

log = get_logger("worker")


class Threads(Protocol):
    """Where the images go: ImageThreads, or a benchmark's pretence of work."""

    def add(self, key: Key, run: Run, image: Blob) -> None:
        """Run this image, which belongs to the threads from now on, and pass its outcome to ended()."""

    def drop(self, key: Key) -> None:
        """Do not begin this run, if it has not begun."""


class BrokerConnection:
    """backend is the ZeroMQ address of the broker's backend; resolve turns it into the one to connect to. number tells
    the leases of this broker from those of others."""

    def __init__(
        self,
        number: int,
        backend: str,
        socket: PeerSocket,
        profile: Profile,
        threads: Threads,
        resolve: Callable[[str], str] = str,
    ) -> None:
        self.session = WorkerSession(profile, random.SystemRandom())
        self.socket = socket
        self._number = number
        self._backend = backend
        self._resolve = resolve
        self._threads = threads
        self._files = BlobStore()  # images on their way to us
        self._lines = RateLimit(1, QUIET)
        self.contact = Contact(shown_address(backend), False, time.time(), SILENT)
        self._contacts = ContactLog(self.contact)
        self._refusal = ""  # of this socket
        self._actions: list[Action] = []  # for the next turn, so that outcomes of one moment travel together

    def start(self) -> None:
        self._execute(self.session.start(time.monotonic()))

    def turn(self) -> None:
        """Do what the messages that have arrived and the time ask for."""
        actions, self._actions = self._actions, []
        if (refusal := self.socket.refusal()) is not None:
            self._refusal = refusal
            actions += self.session.on_refused(time.monotonic())
            if self._lines.admit("refused", time.monotonic()):
                log.warning("refused", broker=self.contact.broker, reason=refusal)
        actions += self.socket.receive(self._hear)
        self._execute([*actions, *self.session.on_tick(time.monotonic())])
        self._tell_contact()
        while self.session.gets and self.socket.has_room:
            self._execute([action for _ in range(AT_ONCE) for action in self.session.answer()])

    def deadline(self) -> float:
        """When to turn if nothing comes before."""
        deadline = self.session.deadline()
        return min(deadline, time.monotonic() + LOOK) if self.session.gets else deadline

    def begun(self, lease: bytes, since: float) -> None:
        """A thread has worked on the task since that instant."""
        self._actions += self.session.on_begun(lease, since)

    def worked(self, tasks: int, seconds: float) -> None:
        """Threads have spent this time on this number of tasks."""
        self.session.on_worked(tasks, seconds)

    def ended(self, lease: bytes, outcome: Done | Failed | ByValue) -> None:
        now = time.monotonic()
        if isinstance(outcome, Done):
            self._actions += self.session.on_result(lease, outcome, now)
        elif isinstance(outcome, ByValue):
            self._actions += self.session.on_not_shared(lease, now)
            if total := self._lines.admit("by value", now):
                log.warning("an image comes by value", job=outcome.job, reason=outcome.reason, total=total)
        else:
            self._actions += self.session.on_failed(lease, outcome.kind, outcome.reason, now)

    def drain(self) -> None:
        self._execute(self.session.drain(time.monotonic()))

    def hand_back(self) -> None:
        self._execute(self.session.hand_back(time.monotonic()))

    def close(self) -> None:
        self.socket.close(LINGER)
        self._files.close()

    # --- inside ----

    def _hear(self, frames: list[Payload]) -> list[Action]:
        actions = self.session.on_message(frames, time.monotonic())
        if not self.contact.connected:
            self.contact = self.contact._replace(connected=True, since=time.time(), reason="")
        return actions

    def _open(self, identity: bytes) -> None:
        """The socket before, if there was one, is given up."""
        reason, self._refusal = self._refusal or SILENT, ""
        since = time.time() if self.contact.connected else self.contact.since
        self.contact = self.contact._replace(connected=False, since=since, reason=reason)
        self.socket.open(identity, self._resolve(self._backend))

    def _tell_contact(self) -> None:
        for line in self._contacts.look(self.contact, time.time()):
            log.at(line.level, line.event, line.fields)

    def _execute(self, actions: list[Action]) -> None:
        for action in actions:
            if type(action) is Run:  # most of them, when tasks are short
                self._run(action)
            else:
                self._do(action)
        self.socket.flush()

    def _run(self, run: Run) -> None:
        image = run.image
        self._threads.add((self._number, run.lease), run, self._files.take(image) if isinstance(image, int) else image)

    def _do(self, action: Action) -> None:
        match action:
            case Send(message):
                self.socket.put(message)
            case SendFrames(frames):
                self.socket.put_frames(frames)
            case Open(identity):
                self._open(identity)
            case Run():
                self._run(action)
            case Abandon(lease):
                self._threads.drop((self._number, lease))
            case Store():
                self._store(action)
            case Discard(blob):
                self._files.discard(blob)
            case ReadBlob():
                self._read(action)
            case Close(file):
                file.close()

    def _store(self, part: Store) -> None:
        try:
            self._files.store(part.blob, part.offset, part.data)
        except OSError as error:
            then = self.session.on_unstorable(part.blob, str(error.strerror), time.monotonic())
        else:
            then = self.session.on_stored(part.blob, part.offset, time.monotonic())
        for action in then:
            self._do(action)

    def _read(self, action: ReadBlob) -> None:
        get = action.get
        try:
            self.socket.put(Data(get.id, get.blob, get.offset, (read(action.blob, get.offset, get.length),)))
        except OSError as error:
            reason = f"The worker cannot read an output from its disk: {error.strerror}."
            for then in self.session.on_unreadable(get.id, reason, time.monotonic()):
                self._do(then)
