"""What one worker process has done and is doing, as metrics. docs/metrics.md explains each."""

from __future__ import annotations

from filterfleet.common.metrics.families import Family, counter, gauge
from filterfleet.common.metrics.histogram import Histogram
from filterfleet.common.wire import Failed
from filterfleet.worker.done import Done
from filterfleet.worker.memory import Memory
from filterfleet.worker.shares import ByValue


class Tally:
    """Counts the outcomes of one process: images that are done, and failures by their kind."""

    def __init__(self) -> None:
        self.outcomes = {"done": 0.0, "permanent": 0.0, "transient": 0.0}
        self.seconds = Histogram()  # of the images that are done

    def count(self, outcome: Done | Failed | ByValue, seconds: float) -> None:
        """seconds: what a thread has spent on it. An image that has to come by value is no outcome yet."""
        if isinstance(outcome, Done):
            self.outcomes["done"] += 1
            self.seconds.observe(seconds)
        elif isinstance(outcome, Failed):
            self.outcomes[outcome.kind] += 1


def worker_families(tally: Tally, threads: int, busy: int, memory: Memory, connected: int) -> list[Family]:
    """busy: threads that work on an image. connected: brokers that answer."""
    prefix = "filterfleet_worker"
    work = "Images that the process has worked on, by outcome: done, or the kind of the failure."
    seconds = "Time that a thread has spent on an image that is done."
    return [
        gauge(f"{prefix}_threads", "Images that the process works on at once, at most.", float(threads)),
        gauge(f"{prefix}_busy_threads", "Images that the process works on.", float(busy)),
        gauge(f"{prefix}_brokers_connected", "Brokers that the process is connected to.", float(connected)),
        gauge(f"{prefix}_memory_limit_bytes", "Memory that the process may use for images.", float(memory.total)),
        gauge(f"{prefix}_memory_held_bytes", "Memory that images hold.", float(memory.held)),
        gauge(f"{prefix}_images_waiting_for_memory", "Images that wait for memory.", float(memory.waiting)),
        counter(f"{prefix}_images_total", work, tally.outcomes, "outcome"),
        Family(f"{prefix}_image_seconds", "histogram", seconds, [tally.seconds.sample()]),
    ]
