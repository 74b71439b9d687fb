"""Figures of series: medians, spreads and ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from filterfleet.bench.analysis.record import Part, Series


@dataclass(frozen=True, slots=True)
class Figure:
    """n samples with their median, smallest and largest."""

    n: int
    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half the distance from the smallest to the largest, as a share of the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def figure_of(samples: Sequence[float]) -> Figure:
    return Figure(len(samples), statistics.median(samples), min(samples), max(samples))


def percentile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that is not exceeded by this share of all of them (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def gain(series: Series, reference: Series) -> Figure:
    """By which factor series is better than reference, round by round."""
    pairs = list(zip(series.samples, reference.samples, strict=False))
    return figure_of([r / s if series.better == "less" else s / r for s, r in pairs])


def grouped(part: Part) -> dict[str, list[Series]]:
    found: dict[str, list[Series]] = {}
    for series in part.series:
        found.setdefault(series.group, []).append(series)
    return found


def reference_of(series: Series, group: Sequence[Series]) -> Series | None:
    return next((other for other in group if other.name == series.reference and other.x == series.x), None) or next(
        (other for other in group if other.name == series.reference), None
    )
