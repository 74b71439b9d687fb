"""The limit for a broker on ZeroMQ's sockets: as many messages as our client sends, through bare sockets that promise
nothing (raw_queue.py), in the same rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from filterfleet.bench.raw_queue import RawClient
from filterfleet.bench.slow_fleet import Cost, SlowFleet, costs_of
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.wire import Message, Submit, Submits
from filterfleet.common.wire.peer import PeerSocket

ANSWER = 48  # bytes of a task's result and its id, both of which a worker sends back
TRIPS = 100  # round trips of each that follow one another


class MessageCounter(PeerSocket):
    """The socket of a client, which counts the messages that bring jobs."""

    def __init__(self, keys: PeerKeys | None) -> None:
        super().__init__(keys)
        self.messages = 0

    def put(self, message: Message) -> None:
        self.messages += isinstance(message, Submit | Submits)
        super().put(message)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The costs of each round, and how many tasks shared a message."""

    ours: list[Cost]
    bare: list[Cost]
    rows: int

    @property
    def share(self) -> float:
        """Our rate, where that of the bare sockets is 1."""
        return statistics.median(bare.seconds / ours.seconds for ours, bare in zip(self.ours, self.bare, strict=True))


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks of size bytes, of which as many as `ahead` are under way."""

    tasks: int
    size: int
    ahead: int


def compared(
    fleet: SlowFleet, run: Callable[[], float], counter: MessageCounter, bare: RawClient, load: Load, rounds: int
) -> Comparison:
    """run() has the fleet do the load, and returns the seconds."""
    ours, bares, shared = [], [], []
    for _ in range(rounds):
        before = counter.messages
        ours.append(fleet.costs(run))
        messages = counter.messages - before
        rows = load.tasks / messages
        frames = [bytes(round(rows * ANSWER)), bytes(round(rows * load.size))]
        ahead = max(1, round(load.ahead / rows))
        bares.append(costs_of(bare.queue, bare.workers, lambda: bare.run(messages, frames, ahead)))  # noqa: B023
        shared.append(round(rows))
    return Comparison(ours, bares, round(statistics.median(shared)))


def compared_trips(
    trip: Callable[[], float], bare_trip: Callable[[], float], trips: int
) -> tuple[list[float], list[float]]:
    """The durations of round trips of both kinds, each sorted."""
    ours: list[float] = []
    bare: list[float] = []
    while len(ours) < trips:
        ours += [trip() for _ in range(TRIPS)]
        bare += [bare_trip() for _ in range(TRIPS)]
    return sorted(ours), sorted(bare)
