"""How fast the fleet is, from the jobs that it finished last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from filterfleet.dashboard.settings import RECENT, WINDOW


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished job: its worker (host/process), and the instant in seconds since the epoch."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Images a minute: of all, and by worker."""

    total: float
    workers: dict[str, float]


def rates_of(finished: Sequence[Finished], now: float) -> Rates:
    """finished: the newest jobs, newest first, RECENT of them at most. When these go back less than WINDOW seconds,
    their own span is what counts."""
    span = WINDOW
    if len(finished) >= RECENT:
        span = min(WINDOW, max(0.5, now - finished[-1].at))
    counted = Counter(job.worker for job in finished if now - job.at <= span)
    each = {worker: 60.0 * number / span for worker, number in counted.items()}
    return Rates(sum(each.values()), each)


def seconds_left(pending: int, rate: float) -> float | None:
    """None while nobody can know. rate: images a minute."""
    if pending == 0:
        return 0.0
    return 60.0 * pending / rate if rate > 0 else None
