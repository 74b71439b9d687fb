"""How throughput grows with the number of workers: speed-up, and the three laws that explain it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


def efficiency(speedup: float, workers: int) -> float:
    """Speed-up for each worker, 1 at best."""
    return speedup / workers


def serial_fraction(speedup: float, workers: int) -> float:
    """Amdahl's serial fraction as measured: Karp and Flatt, Communications of the ACM 33(5), 1990. workers > 1."""
    return (1 / speedup - 1 / workers) / (1 - 1 / workers)


def scaled_speedup(fraction: float, workers: int) -> float:
    """How much more work that number of workers does in the same time: Gustafson, Communications of the ACM 31(5),
    1988. fraction is the serial fraction of the time."""
    return workers - fraction * (workers - 1)


@dataclass(frozen=True, slots=True)
class Usl:
    """Gunther's Universal Scalability Law: X(N) = rate N / (1 + contention (N - 1) + coherence N (N - 1))."""

    rate: float
    contention: float
    coherence: float

    def at(self, workers: float) -> float:
        return self.rate * workers / (1 + self.contention * (workers - 1) + self.coherence * workers * (workers - 1))

    @property
    def peak(self) -> float:
        """The number of workers beyond which more of them make it slower; infinite without coherence."""
        return math.sqrt((1 - self.contention) / self.coherence) if self.coherence > 0 else math.inf


def fit_usl(throughput: Mapping[int, float]) -> Usl:
    """The law through measured points: workers to throughput, with one worker among them.

    Least squares on N X(1) / X(N) - 1 = a (N - 1) + b N (N - 1), where neither coefficient is negative: Gunther,
    Guerrilla Capacity Planning, 2007, chapter 5.
    """
    rate = throughput[1]
    points = [(n, n * rate / x - 1) for n, x in sorted(throughput.items()) if n > 1]
    rows = np.array([[n - 1, n * (n - 1)] for n, _ in points], float)
    excess = np.array([y for _, y in points], float)
    candidates = [np.zeros(2)]
    for columns in ([0], [1], [0, 1]):
        if len(points) >= len(columns):
            solved = np.linalg.lstsq(rows[:, columns], excess, rcond=None)[0]
            if (solved >= 0).all():
                whole = np.zeros(2)
                whole[columns] = solved
                candidates.append(whole)
    contention, coherence = min(candidates, key=lambda found: float(((rows @ found - excess) ** 2).sum()))
    return Usl(rate, float(contention), float(coherence))
