"""What processes share: the cores of a machine, and the line to a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from filterfleet.bench.analysis.model.clock import Clock

Then = Callable[[], object]


@dataclass(slots=True)
class _Work:
    left: float  # seconds on a core of its own
    then: Then


class Machine:
    """Cores that threads share evenly.

    slowdown is by which factor work takes longer when all cores are busy, because they share caches and memory; with
    fewer busy cores it grows in proportion.
    """

    def __init__(self, clock: Clock, cores: int, slowdown: float = 1.0) -> None:
        self._clock = clock
        self._cores = cores
        self._slowdown = slowdown
        self._works: list[_Work] = []
        self._since = 0.0  # when `left` was true
        self._number = 0  # of the latest plan: earlier ones have been overtaken

    def spend(self, seconds: float, then: Then) -> None:
        """Work for this long, then go on with that."""
        self._advance()
        self._works.append(_Work(seconds, then))
        self._plan()

    def _speed(self) -> float:
        """Of each work, in seconds a second."""
        busy = min(len(self._works), self._cores)
        slower = 1 + (self._slowdown - 1) * (busy - 1) / max(1, self._cores - 1)
        return busy / len(self._works) / slower

    def _advance(self) -> None:
        if self._works:
            done = (self._clock.now - self._since) * self._speed()
            for work in self._works:
                work.left -= done
        self._since = self._clock.now

    def _plan(self) -> None:
        self._number += 1
        if self._works:
            least = min(work.left for work in self._works)
            self._clock.after(max(0.0, least / self._speed()), self._end, self._number)

    def _end(self, number: int) -> None:
        if number != self._number:
            return
        self._advance()
        least = min(work.left for work in self._works)
        ended = [work for work in self._works if work.left <= least + 1e-12]
        self._works = [work for work in self._works if work.left > least + 1e-12]
        self._plan()
        for work in ended:
            work.then()


class Link:
    """One direction of a line: messages leave one after another. rate is in bytes a second, delay in seconds."""

    def __init__(self, clock: Clock, rate: float, delay: float) -> None:
        self.bytes = 0
        self._clock = clock
        self._rate = rate
        self._delay = delay
        self._free = 0.0  # when the last message has left

    def carry(self, size: int, then: Then) -> None:
        self.bytes += size
        self._free = max(self._free, self._clock.now) + size / self._rate
        self._clock.at(self._free + self._delay, then)
