"""How long to wait before trying again."""

from __future__ import annotations


class Backoff:
    """Delays in seconds that double up to a cap. The Paranoid Pirate's go from 1 to 32.

    A larger first delay spares a peer that has just failed; a smaller one meets it again sooner. A larger cap spares
    one that stays away; a smaller one finds out sooner that it is back.
    """

    __slots__ = ("_cap", "_first", "_next")

    def __init__(self, first: float = 1.0, cap: float = 32.0) -> None:
        self._first = first
        self._cap = cap
        self._next = first

    def next(self) -> float:
        delay = self._next
        self._next = min(self._next * 2, self._cap)
        return delay

    def reset(self) -> None:
        self._next = self._first
