"""Broker, workers and clients as pure cores, driven through faults by one seed.

World(seed).run() raises InvariantError when an invariant breaks; the same seed always takes the same course.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable

import msgpack

from broker.actions import Note, Side
from broker.batching import multiparts
from broker.core import BrokerCore
from broker.settings import Settings
from common import client_core
from common.batches import batches
from common.blob import read
from common.client_core import ClientCore
from common.jobs import Job
from common.protocol import TAG, Data, Failed, Message, Output, Result, encode
from tests.memory_file import FullDisk, MemoryFile
from tests.simulation.network import CALM, Clock, Connection, Frames, Weather
from worker import session as worker_session
from worker.session import Done, Profile, WorkerSession

SETTINGS = Settings(
    inline_limit=100, task_timeout=12.0, dispatch_patience=5.0, resend=6.0, tasks=40, held_bytes=4000, calm=5.0
)
FAULTS_END = 25.0  # seconds of virtual time
PATIENCE = 400.0  # by then everything must be done
UNREACHABLE_AFTER = 0.02  # until the broker's libzmq has noticed that a socket is gone


class InvariantError(AssertionError):
    """An invariant does not hold."""


class Node:
    """A process: it can crash, start again, and freeze; asleep it is woken at its core's deadline."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = False
        self.frozen = False
        self.life = 0
        self._inbox: list[Callable[[], None]] = []
        self._wake_at = float("inf")

    def boot(self) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        raise NotImplementedError

    def deadline(self) -> float:
        raise NotImplementedError

    def start(self) -> None:
        self.alive = True
        self.life += 1
        self._inbox.clear()
        self._wake_at = float("inf")
        self.boot()
        self.sleep()

    def crash(self) -> None:
        self.alive = False
        self.frozen = False

    def freeze(self, seconds: float) -> None:
        life = self.life
        self.frozen = True
        self.world.clock.after(seconds, lambda: self._thaw(life))

    def _thaw(self, life: int) -> None:
        if life == self.life and self.frozen:
            self.frozen = False
            inbox, self._inbox = self._inbox, []
            for event in inbox:
                self.do(event)
            self.do(self.wake)

    def do(self, event: Callable[[], None]) -> None:
        """Run something in this process, as soon as it can run at all."""
        if not self.alive:
            return
        if self.frozen:
            self._inbox.append(event)
            return
        event()
        self.sleep()

    def later(self, delay: float, event: Callable[[], None]) -> None:
        """The same after a while, unless this process has died by then."""
        life = self.life
        self.world.clock.after(delay, lambda: self.life == life and self.do(event))

    def sleep(self) -> None:
        if not self.alive or self.frozen:
            return
        deadline = max(self.deadline(), self.world.clock.now + 1e-6)
        if deadline < self._wake_at or self._wake_at <= self.world.clock.now:
            self._wake_at = deadline
            life = self.life
            self.world.clock.at(deadline, lambda: self._on_alarm(life, deadline))

    def _on_alarm(self, life: int, deadline: float) -> None:
        if life == self.life and self._wake_at == deadline:
            self._wake_at = float("inf")
            self.do(self.wake)


class BrokerNode(Node):
    core: BrokerCore

    def boot(self) -> None:
        self.core = BrokerCore(SETTINGS, self.world.rng_for(self), self.world.clock.now)

    def deadline(self) -> float:
        return self.core.deadline()

    def receive(self, side: Side, identity: bytes, frames: Frames) -> None:
        now = self.world.clock.now
        self._act(self.core.on_message(side, identity, frames, now))
        self.wake()

    def wake(self) -> None:
        self._act(self.core.on_tick(self.world.clock.now))
        self.world.check_broker(self.core)

    def _act(self, actions: list) -> None:
        while actions:
            more = []
            for item in multiparts(actions, SETTINGS.inline_limit):
                if isinstance(item, Note):
                    self.world.tell(self.name, f"{item.event} {dict(item.fields)}")
                    continue
                side, identity, frames = item
                if not self.world.to_peer(identity, [bytes(frame) for frame in frames]):
                    more += self.core.on_unreachable(side, identity, self.world.clock.now)
            actions = more


class Peer(Node):
    """A process with one DEALER socket to the broker."""

    side: Side
    connection: Connection | None = None

    def crash(self) -> None:
        super().crash()
        if self.connection is not None:
            self.connection.close()

    def open(self, identity: bytes) -> None:
        if self.connection is not None:
            self.connection.close()
        life = self.life
        self.connection = self.world.connect(
            identity, lambda frames: self.life == life and self.do(lambda: self.receive(frames))
        )

    def receive(self, frames: Frames) -> None:
        raise NotImplementedError

    def send(self, frames: Frames) -> None:
        assert self.connection is not None
        self.world.to_broker(self, self.connection, frames)

    def send_messages(self, messages: list[Message]) -> None:
        for batch in batches(messages, SETTINGS.inline_limit):
            self.send([bytes(frame) for frame in encode(batch)])


class WorkerNode(Peer):
    """Runs tasks for a while each; what a task does to it depends on the task."""

    side = Side.BACKEND

    def boot(self) -> None:
        rng = self.world.rng_for(self)
        self.speed = self.world.rng.choice([0.2, 0.5, 1.0, 1.0, 4.0])
        threads = self.world.rng.choice([1, 2, 3])
        self.session = WorkerSession(Profile(threads, 2, ("f",), self.name, "sim", 10_000), rng, self.world.new_file)
        self.threads = threads
        self.queue: list[worker_session.Run] = []
        self.running: set[bytes] = set()
        self._act(self.session.start(self.world.clock.now))

    def deadline(self) -> float:
        return self.session.deadline()

    def wake(self) -> None:
        self._act(self.session.on_tick(self.world.clock.now))

    def receive(self, frames: Frames) -> None:
        self._act(self.session.on_message(frames, self.world.clock.now))
        self.wake()

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
                    self.open(identity)
                case worker_session.Run():
                    self.queue.append(action)
                case worker_session.Abandon(lease):
                    self.queue = [run for run in self.queue if run.lease != lease]
                case worker_session.ReadBlob(get, blob):
                    if self.world.disk_fails():
                        self.world.tell(self.name, "cannot read an output")
                        self._act(self.session.on_unreadable(get.id, "unreadable", self.world.clock.now))
                        continue
                    chunk = bytes(read(blob, get.offset, get.length))
                    messages.append(Data(get.id, get.blob, get.offset, (chunk,)))
        self.send_messages(messages)
        self._fill_threads()
        if self.session.draining and self.session.idle:
            self.world.tell(self.name, "has drained and ends")
            self.world.crash_for(self, 0.5)

    def drain(self) -> None:
        self._act(self.session.drain(self.world.clock.now))

    def _fill_threads(self) -> None:
        while self.queue and len(self.running) < self.threads:
            run = self.queue.pop(0)
            self.running.add(run.lease)
            self.session.on_begun(run.lease)
            kind = "opaque" if run.opaque else self.world.kind_of(bytes(run.image))
            if kind == "hang" and self.world.first_time(bytes(run.image)):
                self.world.tell(self.name, "has a stuck thread")
                self.later(SETTINGS.task_timeout + 5, self._give_process_up)
                continue
            duration = self.speed * self.world.rng.uniform(0.05, 1.0)
            self.later(duration, functools.partial(self._end, run, kind))

    def _give_process_up(self) -> None:
        self.world.crash_for(self, 0.3)

    def _end(self, run: worker_session.Run, kind: str) -> None:
        if kind == "poison":
            self.world.tell(self.name, "dies of poison")
            self.world.crash_for(self, 0.3)
            return
        self.running.discard(run.lease)
        now = self.world.clock.now
        image = bytes(run.image)
        if kind == "opaque":
            self._act(self.session.on_result(run.lease, Done((Output("answer", "", len(OURS)),), (OURS,), {}), now))
        elif kind == "bad":
            self._act(self.session.on_failed(run.lease, "permanent", "bad image", now))
        elif kind == "flaky" and self.world.first_time(image):
            self._act(self.session.on_failed(run.lease, "transient", "flaky", now))
        else:
            blob = b"done:" + image
            output = Output("out", "jpeg", len(blob))
            self._act(self.session.on_result(run.lease, Done((output,), (blob,), {}), now))
        self._fill_threads()


class ListenerNode(Peer):
    """Submits its jobs and applies each outcome to a ledger that survives its crashes."""

    side = Side.FRONTEND

    def __init__(self, world: World, name: str, images: list[bytes]) -> None:
        super().__init__(world, name)
        self.images = images
        self.ledger: dict[bytes, str] = {}

    def boot(self) -> None:
        self.core = ClientCore(self.world.rng_for(self), self.world.new_file)
        now = self.world.clock.now
        self._act(self.core.start(now))
        for image in self.images:
            if image not in self.ledger:
                inline = len(image) <= SETTINGS.inline_limit
                job = Job(image[:16], b"recipe", ("f",), len(image), (image,) if inline else ())
                self._act(self.core.submit(job, now))

    def deadline(self) -> float:
        return self.core.deadline()

    def wake(self) -> None:
        self._act(self.core.on_tick(self.world.clock.now))

    def receive(self, frames: Frames) -> None:
        self._act(self.core.on_message(frames, self.world.clock.now))
        self.wake()

    def _act(self, actions: list) -> None:
        messages: list[Message] = []
        for action in actions:
            match action:
                case client_core.Send(message):
                    messages.append(message)
                case client_core.Open(identity):
                    self.open(identity)
                case client_core.ReadBlob(get):
                    image = next(image for image in self.images if image[:16] == get.id)
                    chunk = image[get.offset : get.offset + get.length]
                    messages.append(Data(get.id, "", get.offset, (chunk,)))
                case client_core.Deliver(job, outcome):
                    writing = self.world.rng.uniform(0.0, 0.2)
                    self.later(writing, functools.partial(self._apply, job, outcome))
        self.send_messages(messages)

    def _apply(self, job: bytes, outcome: Result | Failed) -> None:
        image = next(image for image in self.images if image[:16] == job)
        if image in self.ledger:
            raise InvariantError(f"{self.name} was given job {job!r} twice")
        if isinstance(outcome, Result) and bytes(outcome.payload[0]) != b"done:" + image:
            raise InvariantError(f"{self.name} was given somebody else's result for {job!r}")
        self.ledger[image] = "done" if isinstance(outcome, Result) else outcome.reason
        self.world.tell(self.name, f"applies {job!r}: {self.ledger[image][:40]}")
        self._act(self.core.acknowledge(job, self.world.clock.now))


class EchoWorker(Peer):
    """Speaks nothing but RFC 6/PPP: READY, a heartbeat a second while idle, one echo a request."""

    side = Side.BACKEND

    def boot(self) -> None:
        self.busy = False
        self.heard = self.next_beat = self.world.clock.now
        self.open(b"echo" + self.world.rng_for(self).randbytes(4))
        self.send([b"\x01"])

    def deadline(self) -> float:
        return self.next_beat

    def wake(self) -> None:
        now = self.world.clock.now
        if self.next_beat <= now:
            self.next_beat = now + 1.0
            if not self.busy and now - self.heard > 4.0:
                self.boot()
            elif not self.busy:
                self.send([b"\x02"])

    def receive(self, frames: Frames) -> None:
        self.heard = self.world.clock.now
        if len(frames) == 3:
            self.busy = True
            self.later(0.3, functools.partial(self._reply, frames))

    def _reply(self, frames: Frames) -> None:
        self.busy = False
        self.send(frames)


class LazyPirate(Peer):
    """A client that only knows REQ: asks, waits 2.5 s, and asks again under a new identity."""

    side = Side.FRONTEND

    def boot(self) -> None:
        self.number = 0
        self._ask()

    def _ask(self) -> None:
        self.next_try = self.world.clock.now + 2.5
        self.open(b"lazy" + self.world.rng.randbytes(4))
        self.send([b"", b"echo:%d" % self.number])

    def deadline(self) -> float:
        return self.next_try

    def wake(self) -> None:
        if self.next_try <= self.world.clock.now:
            self._ask()

    def receive(self, frames: Frames) -> None:
        if frames == [b"", OURS] or frames == [b"", b"echo:%d" % self.number]:
            self.number += 1
            self.next_try = self.world.clock.now + 2.5
        elif frames not in [[b"", b"echo:%d" % old] for old in range(self.number)]:  # those may come doubled
            raise InvariantError(f"{self.name} asked for echo:{self.number} and was told {frames!r}")


OURS = b"not an image"  # how our own workers answer a basic client's echo request
KINDS = ["good"] * 16 + ["bad", "flaky", "hang", "poison"]


class World:
    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.transcript: list[str] | None = [] if trace else None
        self.weather = Weather(
            loss=self.rng.choice([0.0, 0.01, 0.05]),
            duplicate=self.rng.choice([0.0, 0.01, 0.05]),
            delay=self.rng.choice([0.001, 0.02, 0.2]),
        )
        self._connections: dict[bytes, Connection] = {}
        self._kinds: dict[bytes, str] = {}
        self._runs: Counter[bytes] = Counter()
        self.broker = BrokerNode(self, "broker")
        self.listeners = [
            ListenerNode(self, f"listener-{n}", self._images(n)) for n in range(self.rng.choice([1, 1, 2]))
        ]
        self.workers = [WorkerNode(self, f"worker-{n}") for n in range(self.rng.choice([2, 3, 4]))]
        self.echo = EchoWorker(self, "echo")
        self.lazy = LazyPirate(self, "lazy")

    def _images(self, listener: int) -> list[bytes]:
        images = []
        for n in range(self.rng.choice([5, 15, 30])):
            image = b"%d/%04d/" % (listener, n) + b"x" * self.rng.choice([20, 90, 300])
            images.append(image)
            self._kinds[image] = self.rng.choice(KINDS)
        return images

    # --- what nodes ask ----

    def rng_for(self, node: Node) -> random.Random:
        return random.Random(f"{self.seed}/{node.name}/{node.life}")

    def kind_of(self, image: bytes) -> str:
        return self._kinds[image]

    def first_time(self, image: bytes) -> bool:
        self._runs[image] += 1
        return self._runs[image] == 1

    def disk_fails(self) -> bool:
        """Seldom: a job takes it only a few times in a row."""
        return self.clock.now < FAULTS_END and self.rng.random() < 0.02

    def new_file(self) -> MemoryFile:
        return FullDisk() if self.disk_fails() else MemoryFile()

    def tell(self, who: str, what: str) -> None:
        if self.transcript is not None:
            self.transcript.append(f"{self.clock.now:9.4f}  {who:<12} {what}")

    def connect(self, identity: bytes, receive: Callable[[Frames], None]) -> Connection:
        connection = Connection(self.clock, self.rng, identity, receive)
        self._connections[identity] = connection
        return connection

    def to_broker(self, peer: Peer, connection: Connection, frames: Frames) -> None:
        self.tell(peer.name, f"-> broker    {_show(frames)}")

        def arrive(frames: Frames) -> None:
            if self.broker.alive:
                self.broker.do(lambda: self.broker.receive(peer.side, connection.identity, frames))
            elif connection.open and self.rng.random() < 0.5:  # still in the sender's queue: sent on reconnection
                self.clock.after(0.2, lambda: arrive(frames))

        connection.carry("up", frames, self.weather, arrive)

    def to_peer(self, identity: bytes, frames: Frames) -> bool:
        """False when the broker's libzmq knows that nobody is there."""
        connection = self._connections.get(identity)
        if connection is None or (not connection.open and self.clock.now - connection.closed_at > UNREACHABLE_AFTER):
            return False

        def arrive(frames: Frames) -> None:
            if connection.open:
                connection.receive(frames)

        connection.carry("down", frames, self.weather, arrive)
        return True

    def crash_for(self, node: Node, seconds: float) -> None:
        node.crash()
        life = node.life
        self.clock.after(seconds, lambda: node.life == life and not node.alive and node.start())

    # --- faults ----

    def _plan_faults(self) -> None:
        intensity = self.rng.choice([0.0, 0.5, 2.0])  # mean seconds between two faults; 0: none
        when = 1.0
        while intensity and when < FAULTS_END:
            when += self.rng.expovariate(1 / intensity)
            self.clock.at(when, self._fault)
        self.clock.at(FAULTS_END, self._clear_up)

    def _fault(self) -> None:
        if self.clock.now >= FAULTS_END:
            return
        node = self.rng.choice([self.broker, *self.listeners, *self.workers, *self.workers, *self.workers, self.echo])
        if not node.alive or node.frozen:
            return
        match self.rng.choice(["crash", "crash", "freeze", "cut", "drain"]):
            case "drain" if isinstance(node, WorkerNode):
                self.tell(node.name, "DRAINS")
                node.do(node.drain)
            case "crash":
                self.tell(node.name, "CRASHES")
                self.crash_for(node, self.rng.choice([0.1, 0.5, 5.0]))
            case "freeze":
                seconds = self.rng.choice([0.5, 3.0, 8.0])
                self.tell(node.name, f"FREEZES for {seconds} s")
                node.freeze(seconds)
            case "cut" if isinstance(node, Peer) and node.connection is not None:
                connection = node.connection
                ways = self.rng.choice([{"up"}, {"down"}, {"up", "down"}])
                self.tell(node.name, f"CUT OFF {ways}")
                connection.cut |= ways
                self.clock.after(self.rng.choice([0.5, 3.0, 10.0]), connection.cut.clear)

    def _clear_up(self) -> None:
        self.tell("world", "faults end")
        self.weather = CALM
        for connection in self._connections.values():
            connection.cut.clear()

    # --- the run and its invariants ----

    def run(self) -> None:
        """Raises InvariantError."""
        for node in (self.broker, *self.workers, *self.listeners, self.echo, self.lazy):
            self.clock.after(self.rng.uniform(0, 0.5), node.start)
        self._plan_faults()
        while not self._finished():
            if self.clock.now > PATIENCE:
                left = [i[:16] for node in self.listeners for i in node.images if i not in node.ledger]
                raise InvariantError(f"no progress: {left} not done after {PATIENCE:g} s")
            self.clock.run_next()
        self._check_outcomes()
        end = self.clock.now + 40.0  # long enough for every acknowledgement to be repeated
        while self.clock.now < end:
            self.clock.run_next()
        self._check_rest()

    def _finished(self) -> bool:
        return self.clock.now > FAULTS_END and all(len(node.ledger) == len(node.images) for node in self.listeners)

    def _check_outcomes(self) -> None:
        for node in self.listeners:
            for image, outcome in node.ledger.items():
                kind = self._kinds[image]
                expected = {"bad": outcome == "bad image", "poison": "worker process died" in outcome}
                if not expected.get(kind, outcome == "done"):
                    raise InvariantError(f"{node.name}: a {kind} image, {image[:16]!r}, ended as {outcome!r}")

    def check_broker(self, core: BrokerCore) -> None:
        scheduler = core.scheduler
        for worker in scheduler.workers.values():
            if len(worker.leases) > max(worker.slots, 1):
                raise InvariantError(f"{worker.host} holds {len(worker.leases)} leases and has {worker.slots} slots")
            if len(worker.leases) > 1 and any(lease.alone for lease in worker.leases.values()):
                raise InvariantError(f"{worker.host} runs a trial beside other tasks")
        if core.report()["tasks"] > SETTINGS.tasks:
            raise InvariantError("the broker holds more tasks than it may")

    def _check_rest(self) -> None:
        """Everything is done and acknowledged: nobody may hold anything any more."""
        report = self.broker.core.report()
        lazy = sum(not identity.startswith(TAG) for identity in self.broker.core._clients.clients)
        if report["tasks"] > lazy or (not lazy and report["held_bytes"]):
            raise InvariantError(f"the broker still holds {report['tasks']} tasks, {report['held_bytes']} bytes")
        for worker in self.broker.core.scheduler.workers.values():
            if worker.leases and not worker.basic:
                raise InvariantError(f"{worker.host} still has {len(worker.leases)} leases: credit has leaked")
        for node in self.workers:
            if not node.session.idle:
                raise InvariantError(f"{node.name} still holds leases")
        if not self.lazy.number:
            raise InvariantError("the lazy pirate was never answered")


def _show(frames: Frames) -> str:
    if len(frames) > 2 and frames[1] == b"PPX1":
        return ", ".join(
            item["type"] + (f" {item['id'][:16]!r}" if "id" in item else "") for item in msgpack.unpackb(frames[2])
        )
    return repr(frames)
