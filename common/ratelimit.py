"""A log that nobody can flood."""

from __future__ import annotations

from collections.abc import Hashable


class RateLimit:
    """Admits at most `most` events of each kind per `every` seconds, counted from the first event of a period.

    Kinds are kept for good, so there must be few of them, and strangers must not be able to choose them.
    """

    def __init__(self, most: int, every: float) -> None:
        self._most = most
        self._every = every
        self._periods: dict[Hashable, tuple[float, int]] = {}  # when it began, and its events
        self._totals: dict[Hashable, int] = {}

    def admit(self, kind: Hashable, now: float) -> int:
        """How many events of this kind there have been, if this one is admitted; else 0."""
        total = self._totals[kind] = self._totals.get(kind, 0) + 1
        began, count = self._periods.get(kind, (now, 0))
        if now >= began + self._every:
            began, count = now, 0
        self._periods[kind] = began, count + 1
        return total if count < self._most else 0
