"""How long silence lasts before a peer counts as dead, and how long to wait before trying again."""

from __future__ import annotations

from typing import Protocol

HEARTBEAT_INTERVAL = 1.0  # seconds between heartbeats, unless the broker says otherwise
MISSED_BEATS = 4  # RFC 6/PPP leaves 3 to 5 missed intervals to the implementation


class Randomness(Protocol):
    """The part of random.Random that the cores use; tests pass a seeded one."""

    def randbytes(self, n: int, /) -> bytes: ...

    def random(self) -> float: ...


class Liveness:
    """The one instant at which a silent peer is dead. Stored, never recomputed."""

    __slots__ = ("expires", "patience")

    def __init__(self, now: float, interval: float = HEARTBEAT_INTERVAL, missed: int = MISSED_BEATS) -> None:
        self.patience = interval * missed
        self.expires = now + self.patience

    def heard(self, now: float) -> None:
        self.expires = now + self.patience

    def expired(self, now: float) -> bool:
        return self.expires <= now


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
