"""Things to do later."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items by the instant at which they are due, in seconds of any one clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._order = itertools.count()

    def add(self, due: float, item: Item) -> None:
        heapq.heappush(self._heap, (due, next(self._order), item))

    @property
    def next(self) -> float:
        """When the first item is due; infinite when there is none."""
        return self._heap[0][0] if self._heap else float("inf")

    def take(self, now: float) -> Iterator[Item]:
        """Remove and yield the items that are due, in order."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]
