"""A virtual network and clock: every delay, loss and duplicate comes from one seeded generator."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

Frames = list[bytes]


@dataclass(frozen=True)
class Weather:
    """How bad the network is: probabilities for one message, and the mean delay in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.001


CALM = Weather()


class Clock:
    """Events in order of time, and of scheduling within one instant."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(when, self.now), next(self._order), event))

    def after(self, delay: float, event: Callable[[], None]) -> None:
        self.at(self.now + delay, event)

    def run_next(self) -> None:
        self.now, _, event = heapq.heappop(self._events)
        event()


class Connection:
    """One peer's socket as the broker sees it, by its routing id. First in, first out, both ways.

    A copy of a message may be lost or doubled, as happens to libzmq's messages when a connection breaks
    and is made again. Reordering only ever happens between connections.
    """

    def __init__(self, clock: Clock, rng: random.Random, identity: bytes, receive: Callable[[Frames], None]) -> None:
        self.identity = identity
        self.receive = receive
        self.open = True
        self.closed_at = 0.0
        self.cut: set[str] = set()  # "up" to the broker, "down" from it
        self._clock = clock
        self._rng = rng
        self._last = {"up": 0.0, "down": 0.0}

    def close(self) -> None:
        self.open = False
        self.closed_at = self._clock.now

    def carry(self, way: str, frames: Frames, weather: Weather, arrive: Callable[[Frames], None]) -> None:
        """Have frames arrive later, unless they are lost on the way."""
        if way in self.cut or self._rng.random() < weather.loss:
            return
        for _ in range(2 if self._rng.random() < weather.duplicate else 1):
            when = self._clock.now + self._rng.expovariate(1 / weather.delay)
            self._last[way] = max(self._last[way], when)
            self._clock.at(self._last[way], lambda: arrive(frames))
