"""Where a fleet is bound, by operational laws (Denning and Buzen, ACM Computing Surveys 10(3), 1978): throughput is at
most what the slowest of its stations can do.

It stands for the simulation where that would take too long: many brokers with many workers. The simulated fleets say by
how much it errs.
"""

from __future__ import annotations

from dataclasses import dataclass

BEATS = 2.0  # of each worker with each broker in a second: one each way


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one image takes of each station, in seconds: of its worker, of its broker, and of the broker's line in each
    direction. beat is what a heartbeat takes of a broker, and looks what it takes to look at one more worker, for each
    image. Infinitely many listeners submit."""

    worker: float
    broker: float
    line: float
    beat: float
    looks: float

    def throughput(self, workers: float, brokers: int) -> float:
        """Images in a second. Every worker is connected with every broker."""
        return min(workers / self.worker, brokers * self.of_broker(workers))

    def of_broker(self, workers: float) -> float:
        """Images that a broker with this number of workers can pass in a second."""
        free = max(0.0, 1 - BEATS * self.beat * workers)
        return min(free / (self.broker + self.looks * workers), 1 / self.line if self.line else float("inf"))

    def saturation(self, brokers: int) -> float:
        """The number of workers that these brokers can keep busy."""
        low, high = 1.0, 1e7
        while high / low > 1.001:
            middle = (low * high) ** 0.5
            low, high = (middle, high) if middle / self.worker < brokers * self.of_broker(middle) else (low, middle)
        return low
