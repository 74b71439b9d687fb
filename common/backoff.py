"""How long to wait before trying again."""

from __future__ import annotations


class Backoff:
    """Doubling delays up to a cap, in seconds. The Paranoid Pirate's are 1 to 32."""

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
