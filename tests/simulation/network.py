"""A virtual network and clock: every delay, loss and duplicate comes from one seeded generator."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field

from filterfleet.bench.analysis.model import clock
from filterfleet.broker.actions import Side
from tests.simulation.router import Arrive, Connection, Frames, Router

UNREACHABLE_AFTER = 0.02  # seconds until the broker's libzmq has noticed that a socket is gone


@dataclass(frozen=True)
class Weather:
    """How bad the network is: probabilities for one message, and the mean delay in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.001


CALM = Weather()


class Clock(clock.Clock):
    def run_until(self, end: float) -> None:
        """Run what happens before this instant, and the first event that does not."""
        while self.now < end:
            self.now, _, event, args = heapq.heappop(self._events)
            event(*args)


@dataclass
class Partition:
    """What keeps a peer's messages to and from one broker. Held ones come when it ends, even from sockets closed
    since: they were in the kernel's buffers."""

    ways: frozenset[str]
    holds: bool
    held: list[tuple[Connection, str, Frames]] = field(default_factory=list)


class Network:
    def __init__(self, clock: Clock, rng: random.Random, weather: Weather) -> None:
        self.weather = weather
        self._clock = clock
        self._rng = rng
        self.routers: dict[int, Router] = defaultdict(Router)  # by broker
        self.seen: list[Connection] = []  # all that there have been
        self._partitions: dict[tuple[str, int], Partition] = {}  # by peer and broker

    def connect(self, owner: str, broker: int, side: Side, identity: bytes, up: Arrive, down: Arrive) -> Connection:
        """up and down are called with the connection and the frames."""
        slowness = self._rng.choice([1.0, 1.0, 1.0, 5.0])
        connection = Connection(owner, broker, side, identity, up, down, slowness)
        self.seen.append(connection)
        self.routers[broker].accept(connection)
        return connection

    def close(self, connection: Connection) -> None:
        if connection.open:
            connection.open = False
            self._clock.after(UNREACHABLE_AFTER, self.routers[connection.broker].end, connection)

    def carry(self, connection: Connection, way: str, frames: Frames) -> None:
        """Have frames arrive later, unless they are lost on the way."""
        partition = self._partitions.get((connection.owner, connection.broker))
        if partition is not None and way in partition.ways:
            if partition.holds:
                partition.held.append((connection, way, frames))
            return
        weather, rng = self.weather, self._rng
        if weather.loss and rng.random() < weather.loss:
            return
        for _ in range(2 if weather.duplicate and rng.random() < weather.duplicate else 1):
            when = self._clock.now + rng.expovariate(1 / (weather.delay * connection.slowness))
            connection.last[way] = when = max(connection.last[way], when)
            self._clock.at(when, connection.arrive[way], connection, frames)

    def part(self, owner: str, broker: int, ways: frozenset[str], *, holds: bool) -> None:
        """Let none of this peer's messages pass these ways, whichever socket they belong to."""
        self.heal(owner, broker)
        self._partitions[owner, broker] = Partition(ways, holds)

    def heal(self, owner: str, broker: int) -> None:
        partition = self._partitions.pop((owner, broker), None)
        for message in partition.held if partition is not None else ():
            self.carry(*message)

    def clear_up(self) -> None:
        self.weather = CALM
        for link in list(self._partitions):
            self.heal(*link)
