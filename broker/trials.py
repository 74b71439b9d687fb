"""Suspects: tasks whose workers keep dying. Each is tried alone on an emptied worker, one suspect after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from filterfleet.broker.state import Task, Worker

MayRun = Callable[[Worker, Task], bool]


class Trials:
    """The suspects that wait, and the worker that is being emptied for one of them or runs it.

    No two trials run at once, so that nobody else is blamed for a suspect's death or dies of it.
    """

    def __init__(self) -> None:
        self.suspects: deque[Task] = deque()
        self.worker: Worker | None = None
        self._not_before = 0.0

    def next(self, workers: Collection[Worker], may_run: MayRun, now: float) -> tuple[Task, Worker] | None:
        """Reserve a worker for the first suspect that has one. When that worker is empty, return a suspect for it."""
        if self.worker is None and not self.suspects:
            return None
        if self.worker is None and self._not_before <= now:
            self._reserve(workers, may_run)
        worker = self.worker
        if worker is None or worker.leases:
            return None
        task = next((task for task in self.suspects if may_run(worker, task)), None)
        if task is None or worker.draining:  # it may have begun to drain while it was being emptied
            self.end()
            return None
        self.suspects.remove(task)
        return task, worker

    def _reserve(self, workers: Collection[Worker], may_run: MayRun) -> None:
        for task in self.suspects:
            fit = [worker for worker in workers if worker.slots and not worker.draining and may_run(worker, task)]
            if fit:
                self.worker = min(fit, key=lambda worker: worker.load)
                self.worker.reserved = True
                return

    def end(self) -> None:
        """The trial is over, or cannot be held: the worker is open to other tasks again."""
        if self.worker is not None:
            self.worker.reserved = False
            self.worker = None

    def pause(self, until: float) -> None:
        """Begin no trial before this instant."""
        self._not_before = until
