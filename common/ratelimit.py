"""A log that nobody can flood."""

from __future__ import annotations

from collections.abc import Hashable


class Occasionally:
    """Lets the first of many like events through, then one every so many seconds. Remembers each kind for good: kinds
    must be few, and none of a stranger's choosing."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._totals: dict[Hashable, int] = {}
        self._next: dict[Hashable, float] = {}

    def count(self, kind: Hashable, now: float) -> int:
        """How many there have been if this one is to be told, else 0."""
        total = self._totals[kind] = self._totals.get(kind, 0) + 1
        if now < self._next.get(kind, now):
            return 0
        self._next[kind] = now + self._every
        return total


class Throttle:
    """Lets so many events of each kind through in so many seconds, which begin with the first. Kinds must be few."""

    def __init__(self, most: int, every: float) -> None:
        self._most = most
        self._every = every
        self._periods: dict[Hashable, tuple[float, int]] = {}  # when it began, events in it

    def admits(self, kind: Hashable, now: float) -> bool:
        began, count = self._periods.get(kind, (now, 0))
        if now >= began + self._every:
            began, count = now, 0
        self._periods[kind] = began, count + 1
        return count < self._most
