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
