"""Bounds a flood of hints: a number of paths are looked at one by one, and then the whole source once. Pure state."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.listener.core.scan import ROOT

# Paths that may be looked at in a period, and the seconds of a period. More: each upload of a large burst is noticed at
# once. Less: somebody who floods us with hints takes less of the store and of the listener.
PATHS, PERIOD = 500, 10.0


class Sieve:
    def __init__(self, paths: int = PATHS, period: float = PERIOD) -> None:
        self._most = paths
        self._period = period
        self._ends = float("-inf")
        self._paths: set[str] = set()

    def admit(self, paths: Iterable[str], now: float) -> list[str]:
        """What to look at: those of these paths that have not been named in this period, or ROOT instead of further
        ones, once. An empty path stands for ROOT."""
        if now >= self._ends:
            self._ends = now + self._period
            self._paths.clear()
        admitted = []
        for path in paths:
            wanted = path or ROOT
            if len(self._paths) >= self._most:
                wanted = ROOT
            if wanted not in self._paths:
                self._paths.add(wanted)
                admitted.append(wanted)
        return admitted
