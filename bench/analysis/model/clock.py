"""Simulated time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


class Clock:
    """Events in order of time, and of scheduling within one instant. Instants are in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = itertools.count()

    def at(self, when: float, event: Callable[..., object], *args: Any) -> None:
        heapq.heappush(self._events, (max(when, self.now), next(self._order), event, args))

    def after(self, delay: float, event: Callable[..., object], *args: Any) -> None:
        self.at(self.now + delay, event, *args)

    def run(self, until: Callable[[], bool], end: float) -> bool:
        """Let things happen until this is true, or until that instant. Returns whether it became true."""
        while not until():
            if not self._events or self._events[0][0] > end:
                return False
            self.now, _, event, args = heapq.heappop(self._events)
            event(*args)
        return True
