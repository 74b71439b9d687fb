"""When to scan: at an interval and soon after a hint, but never so often that scanning is most of the work."""

from __future__ import annotations

from filterfleet.listener.core.settings import HINT_DELAY, JITTER, SETTLE_MINIMUM, SHARE


class Rhythm:
    """The instants of scans. interval and settle are the pauses after a scan, in seconds, settle while a file may still
    grow. share: see SHARE; delay: see HINT_DELAY."""

    def __init__(self, interval: float, settle: float, share: float = SHARE, delay: float = HINT_DELAY) -> None:
        self._interval = interval
        self._share = share
        self._delay = delay
        self._settle = max(settle, SETTLE_MINIMUM)
        self._next = 0.0
        self._earliest = 0.0
        self._began: float | None = None  # None: no scan is under way
        self._hinted = False  # since the scan under way began

    def wait(self, now: float) -> float:
        """Seconds until the next scan is due; infinite while one is under way."""
        return float("inf") if self._began is not None else max(0.0, self._next - now)

    def hint(self, now: float) -> None:
        """Something has changed at the source."""
        self._hinted = self._began is not None
        self._next = max(self._earliest, min(self._next, now + self._delay))

    def expect(self, now: float) -> None:
        """A file may still grow that nobody waited for."""
        self._next = max(self._earliest, min(self._next, now + self._settle))

    def hasten(self, now: float) -> None:
        """Nothing else is under way: there is nothing to wait for."""
        self._next = max(self._earliest, now)

    def begin(self, now: float) -> None:
        """A scan begins."""
        self._began = now

    def end(self, now: float, *, unsettled: bool, failed: bool = False, dice: float = 0.0) -> None:
        """The scan has ended.

        unsettled: it has found files that may still grow. failed: its duration is that of an outage, and says nothing
        about the source. dice, from 0 to 1, lengthens the pause: see JITTER.
        """
        assert self._began is not None
        longer = 1 + JITTER * dice
        rest = self._share * (now - self._began)
        self._earliest = now + (min(rest, self._interval) if failed else rest) * longer
        pause = (self._settle if unsettled else self._interval) * longer
        self._next = max(self._earliest, now + (self._delay if self._hinted else pause))
        self._began = None
        self._hinted = False
