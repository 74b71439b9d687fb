"""A simulated fleet under load, and what comes out of it."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from filterfleet.bench.analysis.figures import percentile
from filterfleet.bench.analysis.model.broker import Broker
from filterfleet.bench.analysis.model.client import BACKFILL, FRESH, Client, Photograph
from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.machine import Link, Machine
from filterfleet.bench.analysis.model.prices import Count, Price, Prices, Role
from filterfleet.bench.analysis.model.process import Process
from filterfleet.bench.analysis.model.worker import Worker
from filterfleet.common.errors import FleetError
from filterfleet.worker.done import Done

UP, PATIENCE = 3.0, 3600.0  # simulated seconds until all are connected, and for the whole
LATEST = 5.0  # seconds that the last fresh uploads get
FIRST = 0.4  # the part of the images after which the rate is taken
PACE = 0.02  # seconds of each of the broker's turns until then


@dataclass(frozen=True, slots=True)
class Host:
    """One machine for all, as when everything is measured here."""

    cores: int
    slowdown: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """clients keep `window` images under way each. rate is that of each broker's line, in bytes a second in each
    direction, and delay that of every message, in seconds. Without a host, each process has a core of its own, shared
    by its threads."""

    prices: Prices
    photograph: Photograph
    outcome: Done
    workers: int
    brokers: int = 1
    clients: int = 1
    window: int = 256
    rate: float = float("inf")
    delay: float = 100e-6
    host: Host | None = None
    images: int = 1000
    endless: bool = True  # more images come, so that the end is as busy as the middle
    fresh: float = 0.0  # photographs that somebody else uploads in a second, meanwhile


@dataclass(slots=True)
class Outcome:
    """rate is in images a second. broker is the part of its time that the busiest broker worked. counts is what each
    role handled from the beginning, and steady the same after the first images, when as many come as go. core_seconds
    is what the brokers' cores took here in all. latencies are those of fresh uploads, in seconds."""

    rate: float
    broker: float
    core_seconds: float
    counts: dict[Role, Count]
    steady: dict[Role, Count]
    latencies: list[float] = field(default_factory=list)

    def latency(self, share: float) -> float:
        return percentile(self.latencies, share)


class _World:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.done = 0
        self.latencies: list[float] = []
        self.uploading = False
        one = scenario.host
        shared = Machine(self.clock, one.cores, one.slowdown) if one else None
        self.machine: Callable[[], Machine] = lambda: shared or Machine(self.clock, 1)
        lines = [(self._line(), self._line()) for _ in range(scenario.brokers)]
        self.brokers = [Broker(self.clock, self.machine(), Price(turn=PACE), both, self.rng) for both in lines]
        prices = scenario.prices
        self.workers = [
            Worker(self.clock, self.machine(), Price(), self.brokers, prices.image, scenario.outcome, self.rng)
            for _ in range(scenario.workers)
        ]
        each = float("inf") if scenario.endless else scenario.images / scenario.clients
        self.clients = [self._client(number, self._count, limit=each) for number in range(scenario.clients)]
        self.fresh = self._client(0, self._uploaded, priority=FRESH)
        self.processes: dict[Role, list[Process]] = {
            "broker": [*self.brokers],
            "worker": [*self.workers],
            "client": [*self.clients],
        }
        self.fresh.price = prices.client

    def _line(self) -> Link:
        return Link(self.clock, self.scenario.rate, self.scenario.delay)

    def _client(
        self, number: int, ended: Callable[[float], object], priority: int = BACKFILL, limit: float = float("inf")
    ) -> Client:
        """It begins to work when it gets a window."""
        scenario = self.scenario
        broker = self.brokers[number % len(self.brokers)]
        listener = scenario.prices.listener
        return Client(
            self.clock,
            self.machine(),
            Price(),
            broker,
            scenario.photograph,
            listener,
            ended,
            self.rng,
            0,
            priority,
            limit,
        )

    def _count(self, _seconds: float) -> None:
        self.done += 1

    def _uploaded(self, seconds: float) -> None:
        self.done += 1
        self.latencies.append(seconds)
        self.fresh.window -= 1

    def upload(self) -> None:
        """A fresh photograph, and another one a little later."""
        if not self.uploading:
            return
        self.fresh.window += 1
        self.fresh.wake()
        self.clock.after(self.rng.expovariate(self.scenario.fresh), self.upload)

    def come_up(self) -> None:
        """Everybody connects, at moments that are spread over a heartbeat, and at no cost but the turns of the broker:
        in each of them, it looks at all workers when one has come."""
        for worker in self.workers:
            self.clock.after(self.rng.random(), worker.start)
        for client in (*self.clients, self.fresh):
            self.clock.after(1 + self.rng.random(), client.start)
        self.clock.run(lambda: False, UP)
        for role, processes in self.processes.items():
            for process in processes:
                process.price, process.busy, process.total = self.scenario.prices.of(role), 0.0, Count()
        for broker in self.brokers:
            broker.core_seconds = 0.0

    def counts(self) -> dict[Role, Count]:
        found = {role: Count() for role in self.processes}
        for role, processes in self.processes.items():
            for process in processes:
                found[role].add(process.total)
        return found

    def work(self) -> None:
        for client in self.clients:
            client.window = self.scenario.window
            client.wake()

    def until(self, images: float) -> float:
        """The instant at which that number of images are done. Raises FleetError."""
        if not self.clock.run(lambda: self.done >= images, PATIENCE):
            raise FleetError("The simulated fleet comes to no end.")
        return self.clock.now


def simulate(scenario: Scenario, seed: int = 1) -> Outcome:
    """Raises FleetError when it comes to no end."""
    with _without_collector():
        return _simulated(_World(scenario, seed))


def _simulated(world: _World) -> Outcome:
    scenario = world.scenario
    world.come_up()
    world.work()
    began = world.until(scenario.images * FIRST)
    first = world.done
    if scenario.fresh:
        world.uploading = True
        world.upload()
    before, spent = world.counts(), [broker.busy for broker in world.brokers]
    ended = world.until(scenario.images)
    last = world.done
    world.uploading = False
    busy = [broker.busy - early for broker, early in zip(world.brokers, spent, strict=True)]
    core = sum(broker.core_seconds for broker in world.brokers)
    counts = world.counts()
    steady = {role: count.since(before[role]) for role, count in counts.items()}
    world.clock.run(lambda: world.fresh.window == 0, ended + LATEST)
    seconds = ended - began
    return Outcome((last - first) / seconds, max(busy) / seconds, core, counts, steady, world.latencies)


@contextmanager
def _without_collector() -> Iterator[None]:
    """The garbage collector would look at thousands of simulated processes again and again, and what a broker's core
    takes would count that."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.collect()


def idle(scenario: Scenario, seconds: float, seed: int = 1) -> dict[Role, Count]:
    """What each role handles in this time when there is nothing to do."""
    world = _World(scenario, seed)
    world.come_up()
    world.clock.run(lambda: False, world.clock.now + seconds)
    return world.counts()
