"""When to scan: at an interval, soon after a hint, and never so often that scanning is all we do."""

from __future__ import annotations

HINT_DELAY = 0.1  # seconds from a notification to the scan, so that a burst of them costs one
SHARE = 10.0  # what a listener takes for itself of its source's time is less than one part of so many
JITTER = 0.1  # share of a pause that dice may add, so that many listeners do not ask a cloud at one time
SETTLE_MINIMUM = 0.05  # seconds between scans while something settles


class Rhythm:
    """interval and settle are in seconds: between scans, and while a file is watched until it settles.

    share: between two scans passes at least so many times what the last one took.
    """

    def __init__(self, interval: float, settle: float, share: float = SHARE) -> None:
        self._interval = interval
        self._share = share
        self._settle = max(settle, SETTLE_MINIMUM)
        self._next = 0.0
        self._earliest = 0.0
        self._began: float | None = None  # a scan is under way
        self._hinted = False  # since it began

    def wait(self, now: float) -> float:
        """Seconds until the next scan is due; infinite while one is under way."""
        return float("inf") if self._began is not None else max(0.0, self._next - now)

    def hint(self, now: float) -> None:
        """Something has changed at the source."""
        self._hinted = self._began is not None
        self._next = max(self._earliest, min(self._next, now + HINT_DELAY))

    def begin(self, now: float) -> None:
        self._began = now

    def end(self, now: float, *, unsettled: bool, failed: bool = False, dice: float = 0.0) -> None:
        """The scan is over; unsettled: it is watching files that may still grow; failed: how long it took says nothing
        of the source but how long that did not answer. dice is from 0 to 1."""
        assert self._began is not None
        longer = 1 + JITTER * dice
        rest = self._share * (now - self._began)
        self._earliest = now + (min(rest, self._interval) if failed else rest) * longer
        pause = (self._settle if unsettled else self._interval) * longer
        self._next = max(self._earliest, now + (HINT_DELAY if self._hinted else pause))
        self._began = None
        self._hinted = False
