"""Brokers, workers, listeners and basic peers as pure cores, driven through faults by one seed.

World(seed).run() raises InvariantError when an invariant breaks; the same seed always takes the same course.
"""

from __future__ import annotations

import contextlib
import random
from unittest import mock

import msgpack

from filterfleet.broker import state
from filterfleet.broker.actions import Side
from filterfleet.common.client import settings
from filterfleet.common.wire import PPX, pull
from filterfleet.listener.core import core, patience, scan
from filterfleet.listener.ledger import ledger
from filterfleet.worker.leases import pace
from tests.memory_file import FullDisk, MemoryFile
from tests.simulation.basic_peers import EchoWorker, LazyPirate
from tests.simulation.broker_node import BrokerNode
from tests.simulation.faults import FAULTS_END, Faults
from tests.simulation.invariants import InvariantError, check_outcomes, what_is_held
from tests.simulation.listener_node import ListenerNode
from tests.simulation.network import Clock, Network, Weather
from tests.simulation.nodes import Node, Peer
from tests.simulation.photos import Camera
from tests.simulation.router import Frames
from tests.simulation.share import Share
from tests.simulation.thief import Thief
from tests.simulation.worker_node import WorkerNode

PATIENCE = 400.0  # by then everything must be done
SMALLER = [  # than in life, as the broker's numbers are
    mock.patch.object(pull, "CHUNK", 72),  # bytes of an image or an output in one message
    mock.patch.multiple(patience, HIDING=2.0, FIRST_PAUSE=0.2, LONGEST_PAUSE=3.0),  # seconds
    mock.patch.object(scan, "MASS_MINIMUM", 2),
    mock.patch.multiple(core, FIRST_FINDINGS=3, FINDINGS=5),
    mock.patch.object(state, "PORTIONS", 2),  # so that workers are given several tasks at once
    mock.patch.object(pace, "MEMORY", 2),  # tasks by which a worker changes its mind
]
# The clients' window, in every other world.
NARROW = mock.patch.multiple(settings, WINDOW_JOBS=12, WINDOW_BYTES=800, SMALL_IMAGE=60)
CLEARANCE = 40.0  # seconds more until nobody holds anything: enough for every acknowledgement to be repeated


class WallClock:
    """What people set: it may jump. Stands for the module time."""

    def __init__(self, clock: Clock) -> None:
        self.offset = 1.7e9
        self._clock = clock

    def time(self) -> float:
        return self._clock.now + self.offset

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


class World:
    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.wall = WallClock(self.clock)
        self.transcript: list[str] | None = [] if trace else None
        self.revoked: set[str] = set()  # names of peers whose key the broker does not know any more
        weather = Weather(
            loss=self.rng.choice([0.0, 0.01, 0.05]),
            duplicate=self.rng.choice([0.0, 0.01, 0.05]),
            delay=self.rng.choice([0.001, 0.02, 0.2]),
        )
        self.network = Network(self.clock, self.rng, weather)
        self.camera = Camera(self.rng)
        self.share = Share(self)
        self._disk_failures = 0
        self.brokers = [BrokerNode(self, n) for n in range(self.rng.choice([1, 1, 2]))]
        self.gone: Node | None = None  # the broker that has died for good
        self.listeners = [
            ListenerNode(self, f"listener-{n}", self.rng.choice([4, 12, 24])) for n in range(self.rng.choice([1, 1, 2]))
        ]
        self.workers = [WorkerNode(self, f"worker-{n}") for n in range(self.rng.choice([2, 3, 4]))]
        # In one world of three, a worker asks for too much and lies about its outputs; in another one, a client asks.
        self.greedy = {((self.workers, self.listeners, self.brokers)[seed % 3])[0].name}
        self.lied: set[bytes] = set()  # the photos of which it has brought other outputs: each of them once
        # In every other world, some are of the version before columns, the brokers among them.
        nodes = (*self.brokers, *self.workers, *self.listeners)
        self.old = {node.name for node in nodes if self.rng.random() < 0.3} if self.rng.random() < 0.5 else set()
        self.echo = EchoWorker(self, "echo")
        self.lazy = LazyPirate(self, "lazy")
        self.thieves = [Thief(self, side) for side in Side] if self.rng.random() < 0.5 else []
        self.peers: dict[str, Peer] = {
            peer.name: peer for peer in (*self.workers, *self.listeners, self.echo, self.lazy, *self.thieves)
        }

    @property
    def brokers_left(self) -> list[BrokerNode]:
        return [broker for broker in self.brokers if broker is not self.gone]

    # --- what nodes ask ----

    def rng_for(self, node: Node) -> random.Random:
        return random.Random(f"{self.seed}/{node.name}/{node.life}")

    def disk_fails(self) -> bool:
        """Twice in all at most: of four failures the broker gives a photo up, and a flaky one has one of its own."""
        fails = self._disk_failures < 2 and self.clock.now < FAULTS_END and self.rng.random() < 0.01
        self._disk_failures += fails
        return fails

    def new_file(self) -> MemoryFile:
        return FullDisk() if self.disk_fails() else MemoryFile()

    def tell(self, who: str, what: str) -> None:
        if self.transcript is not None:
            self.transcript.append(f"{self.clock.now:9.4f}  {who:<12} {what}")

    def show_sent(self, who: str, broker: int, frames: Frames) -> None:
        if self.transcript is not None:
            self.tell(who, f"-> broker-{broker}  {_show(frames)}")

    def crash_for(self, node: Node, seconds: float) -> None:
        node.crash()
        self.clock.after(seconds, self._start_again, node, node.life)

    def _start_again(self, node: Node, life: int) -> None:
        if node.life == life and not node.alive:
            node.start()

    # --- the run ----

    def run(self) -> None:
        """Raises InvariantError."""
        for node in (*self.brokers, *self.peers.values()):
            self.clock.after(self.rng.uniform(0, 0.5), node.start)
        Faults(self).plan()
        with contextlib.ExitStack() as patches:
            for patch in (mock.patch.object(ledger, "time", self.wall), *SMALLER):
                patches.enter_context(patch)
            if self.seed % 2:
                patches.enter_context(NARROW)
            self._run_until_done()
            self._run_until_nothing_is_held()
        for node in self.listeners:
            check_outcomes(node)
            node.ledger.close()

    def _run_until_done(self) -> None:
        self.clock.run_until(FAULTS_END)
        for node in self.listeners:
            while not node.finished:
                self.clock.run_until(self.clock.now + 0.25)
                if self.clock.now > PATIENCE:
                    raise InvariantError(f"no progress: {node.left} not done after {PATIENCE:g} s")

    def _run_until_nothing_is_held(self) -> None:
        end = self.clock.now + CLEARANCE
        while (held := what_is_held(self)) is not None:
            if self.clock.now > end:
                raise InvariantError(held)
            self.clock.run_until(self.clock.now + 0.5)
        for broker in self.brokers_left:
            broker.audit()


def _show(frames: Frames) -> str:
    if len(frames) > 2 and frames[1] == PPX:
        return ", ".join(
            item["type"] + "".join(f" {id_[:16]!r}" for id_ in item.get("ids", [item["id"]] if "id" in item else []))
            for item in msgpack.unpackb(frames[2])
        )
    return repr(frames)
