"""How long things took, counted in a few buckets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from filterfleet.common.metrics.families import Sample

# Upper bounds of the buckets, in seconds. More of them: quantiles are more exact, and each metric takes more room.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Histogram:
    """Counts observations. bounds rise."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)  # the last one for what is beyond
        self._total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self._counts[bisect_left(self._bounds, value)] += times
        self._total += value * times

    def sample(self, labels: dict[str, str] | None = None) -> Sample:
        *inside, count = accumulate(self._counts)
        return Sample(labels or {}, count, self._total, tuple(zip(self._bounds, map(float, inside), strict=True)))
