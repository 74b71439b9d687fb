"""Workers that are gone: who said farewell, who was merely cut off, and who has died.

A worker that disappears without a farewell may only have lost its connection: the same process then comes back under
another routing id. So it counts as lost, which means dead, when it has stayed away for a while:

    how it went                             counts at once     and later, if its process has not come back
    --------------------------------------  -----------------  -------------------------------------------
    farewell: it drained, and held nothing  left               nothing
    closed: it cannot be reached            disconnected       lost after CLOSED seconds
    silent: no heartbeat comes              disconnected       lost after SILENT seconds
    dismissed: it may not be here any more  disconnected       nothing
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass

from filterfleet.broker.state import Worker

# Seconds until a worker that has not come back counts as lost. More forgives slower returns; less tells a death sooner.
# A process that dies closes its connection. A cut network only makes it silent, and its worker comes back when it is
# mended, after pauses that double.
CLOSED, SILENT = 5.0, 60.0

# How many are remembered, and for how many seconds. More tells a longer history; less makes a smaller report.
MOST, KEPT = 256, 3600.0


class How(enum.Enum):
    FAREWELL = "left"
    CLOSED = "closed"
    SILENT = "silent"
    DISMISSED = "dismissed"
    RETURNED = "returned"  # it was closed or silent, and its process is here again
    LOST = "lost"


@dataclass(slots=True, eq=False)
class Departure:
    """`at` is an instant of the broker's clock."""

    host: str  # host/process of a worker that has told it, "" of any other
    version: str
    name: str
    address: str
    at: float
    how: How


class Departures:
    """Pure state. Instants are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._all: deque[Departure] = deque(maxlen=MOST)  # in the order of departure
        self._missing: dict[str, Departure] = {}  # those that may still come back, by host
        self._present: Counter[str] = Counter()  # registrations by host
        self._next = float("inf")

    def went(self, worker: Worker, how: How, now: float) -> None:
        """A connection that ends before its worker has told its host is none of these: the worker tries again."""
        if not (worker.credited or worker.basic):
            return
        gone = Departure(worker.host, worker.version, worker.name, worker.address, now, how)
        self._all.append(gone)
        self._present[gone.host] -= 1
        if self._present[gone.host] > 0:  # the same process is here under another routing id
            gone.how = How.RETURNED
            return
        del self._present[gone.host]
        if how in (How.CLOSED, How.SILENT) and gone.host:
            self._missing[gone.host] = gone
            self._next = min(self._next, _verdict_at(gone))

    def came(self, worker: Worker, now: float) -> float | None:
        """A worker has told its host. Returns for how many seconds it was away, if it was missed."""
        self._present[worker.host] += 1
        if (gone := self._missing.pop(worker.host, None)) is None:
            return None
        gone.how = How.RETURNED
        return now - gone.at

    def lost(self, now: float) -> list[Departure]:
        """Those that count as lost from now on."""
        if now < self._next:
            return []
        dead = [gone for gone in self._missing.values() if _verdict_at(gone) <= now]
        for gone in dead:
            gone.how = How.LOST
            del self._missing[gone.host]
        self._next = min(map(_verdict_at, self._missing.values()), default=float("inf"))
        return dead

    def recent(self, now: float) -> list[Departure]:
        """Those of the last hour that have not come back, the latest first."""
        return [gone for gone in reversed(self._all) if now - gone.at < KEPT and gone.how is not How.RETURNED]


def _verdict_at(gone: Departure) -> float:
    return gone.at + (CLOSED if gone.how is How.CLOSED else SILENT)
