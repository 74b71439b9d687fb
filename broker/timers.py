"""What is to happen later. Entries are never removed: a handler first asks whether it still applies."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any

Handler = Callable[[Any, float], None]


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Handler, Any]] = []
        self._order = itertools.count()

    @property
    def next(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def at(self, when: float, handler: Handler, subject: Any) -> None:
        """Have run(now) call handler(subject, now) once now >= when."""
        heapq.heappush(self._heap, (when, next(self._order), handler, subject))

    def run(self, now: float) -> None:
        for handler, subject in list(self._due(now)):
            handler(subject, now)

    def _due(self, now: float) -> Iterator[tuple[Handler, Any]]:
        while self._heap and self._heap[0][0] <= now:
            _, _, handler, subject = heapq.heappop(self._heap)
            yield handler, subject
