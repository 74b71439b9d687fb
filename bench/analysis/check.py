"""What became slower from one run of the analysis to another, beyond noise.

Two kinds of series are judged, each by how much better or worse its median became:

- Those with a reference, as ratios to it. Both were measured in the same rounds, so the load of the machine cancels.
- All others against each other. A machine that was busier, or that is another one, changes them alike, so what counts
  is how far one of them changed beyond the median change of them all. How far they usually stray from it is known from
  the runs themselves, and includes what differs between two runs and not within one.

A change is told when it exceeds a least share, and SURE times its standard error. The error of a median comes from the
spread of the samples (median absolute deviation, so that single outliers do not count), and never from less than what
is usual for the series of its part in the same unit: with few samples, some series look quieter than they are.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from filterfleet.bench.analysis.figures import figure_of, grouped, reference_of
from filterfleet.bench.analysis.record import Analysis, Part, Series

LEAST = 0.07  # a change of a ratio below this share is not told
LEAST_ALONE = 0.25  # nor one of a series without a reference
SURE = 4.0  # standard errors
FEWEST = 3  # samples of each run; with fewer, nothing is known of the noise
NORMAL = 1.4826  # a standard deviation in median absolute deviations, and
MEDIAN = 1.2533  # the error of a median in errors of a mean, for normal samples

Key = tuple[str, str, str, float | None]  # part, group, name, x


@dataclass(frozen=True, slots=True)
class Worse:
    """factor is by how much it became worse: 1.25 is a quarter more time, memory or cost for the same work."""

    part: str
    group: str
    name: str
    factor: float
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """judged is how many series were compared; too_few how many have too few samples for that."""

    worse: list[Worse]
    judged: int
    too_few: int


@dataclass(frozen=True, slots=True)
class _Measured:
    """Logarithms of numbers of which more are better."""

    unit: str
    with_reference: bool
    logs: list[float]


@dataclass(frozen=True, slots=True)
class _Change:
    """of is how much worse it became, and error the standard error of that, both as logarithms."""

    key: Key
    of: float
    error: float
    compared: bool  # with a reference


def compared(old: Analysis, new: Analysis) -> Verdict:
    """Every series of ours that both runs have."""
    changes: list[_Change] = []
    too_few = 0
    for part in sorted(old.parts.keys() & new.parts.keys()):
        before, after = (_quality(run.parts[part]) for run in (old, new))
        pairs = {key: (before[key], after[key]) for key in before if key in after}
        enough = {key: pair for key, pair in pairs.items() if min(len(one.logs) for one in pair) >= FEWEST}
        too_few += len(pairs) - len(enough)
        usual = _usual(enough.values())
        for key, (one, other) in enough.items():
            error = math.hypot(*(_error(run.logs, usual[run.unit]) for run in (one, other)))
            change = statistics.median(one.logs) - statistics.median(other.logs)
            changes.append(_Change((part, *key), change, error, one.with_reference))
    return Verdict(sorted(_told(changes), key=lambda one: -one.factor), len(changes), too_few)


def _usual(pairs: Iterable[Sequence[_Measured]]) -> dict[str, float]:
    """The median of the scales, for each unit."""
    scales: dict[str, list[float]] = {}
    for run in itertools.chain.from_iterable(pairs):
        scales.setdefault(run.unit, []).append(_scale(run.logs))
    return {unit: statistics.median(found) for unit, found in scales.items()}


def _error(logs: Sequence[float], usual: float) -> float:
    return MEDIAN * max(usual, _scale(logs)) / math.sqrt(len(logs))


def _told(changes: Sequence[_Change]) -> Iterator[Worse]:
    alone = [change.of for change in changes if not change.compared]
    usual = statistics.median(alone) if alone else 0.0
    stray = _scale(alone)
    for change in changes:
        of = change.of if change.compared else change.of - usual
        error = change.error if change.compared else math.hypot(change.error, stray)
        least = LEAST if change.compared else LEAST_ALONE
        if of > max(math.log1p(least), SURE * error):
            part, group, name, x = change.key
            yield Worse(part, group, name, math.exp(of), x)


def _scale(samples: Sequence[float]) -> float:
    """Their standard deviation, robust against outliers."""
    if len(samples) < FEWEST:
        return 0.0
    middle = statistics.median(samples)
    return NORMAL * statistics.median([abs(sample - middle) for sample in samples])


def _quality(part: Part) -> dict[tuple[str, str, float | None], _Measured]:
    """Each series of ours."""
    found = {}
    for group in grouped(part).values():
        for one in group:
            if one.ours and one.samples and figure_of(one.samples).low > 0:
                reference = reference_of(one, group)
                logs = [math.log(value) for value in _better_is_more(one, reference)]
                found[one.group, one.name, one.x] = _Measured(one.unit, reference is not None, logs)
    return found


def _better_is_more(one: Series, reference: Series | None) -> Iterator[float]:
    if reference is not None:
        pairs = zip(one.samples, reference.samples, strict=False)
        yield from (r / s if one.better == "less" else s / r for s, r in pairs)
    else:
        yield from (1 / s if one.better == "less" else s for s in one.samples)
