"""How long a peer may be silent before it counts as dead."""

from __future__ import annotations

from typing import Protocol

HEARTBEAT_INTERVAL = 1.0  # seconds between heartbeats, unless the broker says otherwise
MISSED_BEATS = 4  # RFC 6/PPP leaves 3 to 5 missed intervals to the implementation


class Randomness(Protocol):
    """The part of random.Random that the cores use; tests pass a seeded one."""

    def randbytes(self, n: int, /) -> bytes: ...

    def random(self) -> float: ...


class Liveness:
    """The one instant at which a silent peer is dead. It is stored and never recomputed."""

    __slots__ = ("expires", "patience")

    def __init__(self, now: float, interval: float = HEARTBEAT_INTERVAL, missed: int = MISSED_BEATS) -> None:
        self.patience = interval * missed
        self.expires = now + self.patience

    def heard(self, now: float) -> None:
        self.expires = now + self.patience

    def expired(self, now: float) -> bool:
        return self.expires <= now
