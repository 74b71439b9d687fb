"""What became slower from one run of the analysis to another, beyond noise."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from filterfleet.bench.analysis.figures import figure_of, grouped, reference_of
from filterfleet.bench.analysis.record import Analysis, Part, Series

LEAST = 0.10  # a change below this share is not told


@dataclass(frozen=True, slots=True)
class Worse:
    """factor is by how much it became worse: 1.25 is a quarter more time, memory or cost for the same work."""

    part: str
    group: str
    name: str
    factor: float


def worse(old: Analysis, new: Analysis) -> list[Worse]:
    """Every series of ours that both runs have, that became worse by more than LEAST, and by more than chance explains.

    Series with a reference are compared as ratios to it, because the machine may have been busier. Chance explains a
    change when the two ranges of samples overlap.
    """
    found = []
    for part in old.parts.keys() & new.parts.keys():
        before, after = (_quality(run.parts[part]) for run in (old, new))
        for key in before.keys() & after.keys():
            factor = statistics.median(before[key]) / statistics.median(after[key])
            if factor > 1 + LEAST and max(after[key]) < min(before[key]):
                found.append(Worse(part, *key[:2], factor))
    return sorted(found, key=lambda one: -one.factor)


def _quality(part: Part) -> dict[tuple[str, str, float | None], list[float]]:
    """For each series of ours, numbers of which more are better."""
    return {
        (one.group, one.name, one.x): list(_better_is_more(one, group))
        for group in grouped(part).values()
        for one in group
        if one.ours and figure_of(one.samples).low > 0
    }


def _better_is_more(one: Series, group: list[Series]) -> Iterator[float]:
    reference = reference_of(one, group)
    if reference is not None:
        pairs = zip(one.samples, reference.samples, strict=False)
        yield from (r / s if one.better == "less" else s / r for s, r in pairs)
    else:
        yield from (1 / s if one.better == "less" else s for s in one.samples)
