"""What a source's part of a ledger adds up to since an instant, for counters that must never go back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filterfleet.listener.ledger.histogram import EMPTY, Histogram, cells_of, unpacked
from filterfleet.listener.ledger.minutes import MINUTE
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.ledger.sql import octets

# Minutes that may still change, and so are read each time. More: a transaction that takes longer is counted rightly.
# Less: there is less to read.
OPEN = 3

_MINUTES = """
SELECT minute, done, failed, bytes, hist FROM minutes WHERE source = CAST(:source AS TEXT) AND minute >= :minute
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """done: images. failed: failures, of which one image may have several. bytes: of the images that are done."""

    done: int = 0
    failed: int = 0
    bytes: int = 0
    histogram: Histogram = EMPTY

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.done + other.done,
            self.failed + other.failed,
            self.bytes + other.bytes,
            self.histogram + other.histogram,
        )

    @property
    def cells(self) -> dict[str, list[int]]:
        """For each stage, the number of images in each bucket."""
        return cells_of(self.histogram)


class Running:
    """The totals since the minute in which it was made, under all recipes. Each minute is read a few times only, so a
    call costs the same however old the ledger is. For one thread."""

    def __init__(self, ledger: Path, source: str, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since the epoch."""
        self._ledger = ledger
        self._source = source
        self._clock = clock
        self._from = int(clock() / MINUTE)  # the first minute that is not in self._closed
        self._closed = Totals()

    def read(self) -> Totals:
        """Raises FleetError."""
        with reader(self._ledger) as db:
            rows = db.execute(_MINUTES, {"source": octets(self._source), "minute": self._from}).fetchall()
        first_open = max(self._from, int(self._clock() / MINUTE) - OPEN)
        closed, still_open = Totals(), Totals()
        for minute, done, failed, size, hist in rows:
            totals = Totals(done, failed, size, unpacked(hist))
            if minute < first_open:
                closed += totals
            else:
                still_open += totals
        self._closed += closed
        self._from = first_open
        return self._closed + still_open
