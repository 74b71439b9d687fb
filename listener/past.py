"""What a listener has done, as metrics, from the ledger, which is read when somebody asks, and not by the listener."""

from __future__ import annotations

import threading
from itertools import accumulate
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.metrics.families import Family, Sample, counter, gauge
from filterfleet.listener.ledger.histogram import BUCKETS, GROWTH, LEAST, bounds
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.totals import Running

# How many buckets of the ledger, which are 9 % wide, become one. Eight of them double the time.
STEP = 8


class Past:
    """Of one source in a ledger. Any thread may ask."""

    def __init__(self, ledger: Path, source: str) -> None:
        self._history = History(ledger, source)
        self._running = Running(ledger, source)
        self._lock = threading.Lock()

    def families(self) -> list[Family]:
        """Nothing while there is no ledger, or while it cannot be read."""
        try:
            with self._lock:
                totals = self._running.read()
            counts = self._history.counts()
        except FleetError:
            return []
        states = ("pending", "done", "failed", "skipped")
        numbers = {state: float(getattr(counts, state)) for state in states}
        paused = float(counts.paused is not None)
        stages = [stage_sample(stage, cells) for stage, cells in totals.cells.items()]
        prefix = "filterfleet_listener"
        failures = "Failures to process an image, those that are tried again included."
        seconds = (
            "Time that images took in each stage; total goes from submission until the results are in their places."
        )
        return [
            gauge(f"{prefix}_images", "Images at the source, by state.", numbers, "state"),
            gauge(f"{prefix}_paused", "Whether the listener is told to take nothing new.", paused),
            counter(f"{prefix}_images_done_total", "Images that were finished.", float(totals.done)),
            counter(f"{prefix}_failures_total", failures, float(totals.failed)),
            counter(f"{prefix}_source_bytes_total", "Bytes of the images that were finished.", float(totals.bytes)),
            Family(f"{prefix}_stage_seconds", "histogram", seconds, stages),
        ]


def stage_sample(stage: str, cells: list[int]) -> Sample:
    """The histogram of one stage. Its sum is that of the buckets' middles, so it is up to 5 % off."""
    upper = bounds()
    below = list(accumulate(cells))
    buckets = tuple((float(f"{upper[n]:.6g}"), float(below[n])) for n in range(0, BUCKETS - 1, STEP))
    total = sum(count * _middle(number) for number, count in enumerate(cells) if count)
    return Sample({"stage": stage}, float(below[-1]), total, buckets)


def _middle(bucket: int) -> float:
    """Seconds."""
    return LEAST / 2 if bucket == 0 else LEAST * GROWTH ** (bucket - 0.5)
