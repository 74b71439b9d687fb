"""A broker core with a clock that is moved by hand, and with peers that exist only as their messages."""

from __future__ import annotations

import random

from filterfleet.broker.actions import Note, Send, SendFrames, Side
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT
from filterfleet.common.wire import Beat, Credit, Failed, Hello, OutputFile, Result, Submit, Task, encode

IMAGE = b"image of 16 byte"
SIZE = len(IMAGE)
JOB_BYTES = SIZE + len(b"recipe") + len("canny") + 2 * OBJECT  # what the broker holds for one Rig.submit()
OUTPUTS = (OutputFile("edges", "png", 3),)
BLOBS = (b"png",)


class Rig:
    def __init__(self, settings: Settings | None = None) -> None:
        self.now = 1000.0
        self.settings = settings or Settings()
        self.core = BrokerCore(self.settings, random.Random(1), self.now)
        self.wire: list[tuple[Side, bytes, object]] = []  # everything that was sent and not taken yet
        self.keeping_alive: set[tuple[Side, bytes]] = set()

    @property
    def counters(self):
        return self.core.report(self.now).counters

    # --- peers speak ----

    def frames(self, side, peer, frames, owner=""):
        self._do(self.core.on_message(side, peer, frames, self.now, owner))

    def worker(self, peer, slots=1, filters=("canny",), threads=None, minor=0):
        """A PPX worker that has introduced itself and stays alive."""
        self.frames(Side.BACKEND, peer, [b"\x01"])
        self.hellos(peer)
        self.from_worker(peer, Credit(slots, threads or max(1, slots), filters, "host", "1", minor))
        self.keeping_alive.add((Side.BACKEND, peer))

    def client(self, peer):
        self.from_client(peer, Beat(b""))
        self.keeping_alive.add((Side.FRONTEND, peer))
        self.take(peer)

    def from_worker(self, peer, *messages):
        self.frames(Side.BACKEND, peer, encode(messages))

    def from_client(self, peer, *messages, owner=""):
        self.frames(Side.FRONTEND, peer, encode(messages), owner)

    def submit(self, job, client=b"fx1|client", needs=("canny",), priority=5, payload=(IMAGE,), size=SIZE, owner=""):
        self.keeping_alive.add((Side.FRONTEND, client))
        self.from_client(client, Submit(job, b"recipe", needs, priority, size, payload), owner=owner)

    def result(self, worker, token, payload=BLOBS):
        self.from_worker(worker, Result(token, OUTPUTS, {}, payload))

    def begin(self, worker):
        """The worker says that it has begun all its tasks."""
        self._heartbeat(Side.BACKEND, worker)

    def die(self, peer):
        """Break the worker's connection."""
        self.keeping_alive.discard((Side.BACKEND, peer))
        self._do(self.core.on_unreachable(Side.BACKEND, peer, self.now))

    def silence(self, *workers):
        """These workers still run, but are not heard any more."""
        self.keeping_alive -= {(Side.BACKEND, worker) for worker in workers}

    # --- time ----

    def at(self, now):
        """Let time pass, tick by tick, with everybody's heartbeats."""
        while self.now < now:
            self.now = min(now, max(self.core.deadline(), self.now))
            for side, peer in self.keeping_alive:
                self._heartbeat(side, peer)
            self._tick()

    def after(self, seconds):
        self.at(self.now + seconds)

    def _heartbeat(self, side, peer):
        if side is Side.BACKEND and peer in self.core.scheduler.workers:
            worker = self.core.scheduler.workers[peer]
            if not worker.basic:
                self._note(
                    self.core.on_message(side, peer, encode([Beat(worker.session, tuple(worker.leases))]), self.now)
                )
        elif side is Side.FRONTEND and peer in self.core.books.clients:
            session = self.core.books.clients[peer].session
            if session:
                self._note(self.core.on_message(side, peer, encode([Beat(session)]), self.now))

    def _do(self, actions):
        self._note(actions)
        self._tick()

    def _tick(self):
        self._note(self.core.on_tick(self.now))

    def _note(self, actions):
        for action in actions:
            match action:
                case Send(side, peer, message):
                    self.wire.append((side, peer, message))
                case SendFrames(side, peer, frames) if frames != (b"\x02",):
                    self.wire.append((side, peer, frames))
                case Note() | SendFrames():
                    pass

    # --- what has been sent ----

    def take(self, peer, kind=object):
        """The messages of this kind that were sent to a peer. All messages to the peer are forgotten."""
        found = [what for _, to, what in self.wire if to == peer and isinstance(what, kind)]
        self.wire = [entry for entry in self.wire if entry[1] != peer]
        return found

    def outcomes(self, client=b"fx1|client"):
        """(type, job) of the outcomes that were sent to a client. All messages to the client are forgotten."""
        return [(type(message), message.id) for message in self.take(client, Result | Failed)]

    def tasks(self, *peers):
        """Tokens of the tasks sent to each of these workers."""
        found = [[task.id for task in self.take(peer, Task)] for peer in peers]
        return found[0] if len(peers) == 1 else found

    def token(self, peer):
        (token,) = self.tasks(peer)
        return token

    def hellos(self, peer):
        return self.take(peer, Hello)
