"""The waiting line: fresh before backfill, clients in turn, each client's tasks in order."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from broker.peers import Task

Eligible = Callable[[Task], bool]


class FairQueue:
    """Tasks that wait for a worker.

    Within one priority the clients take turns. A client's tasks are kept apart by what they need of a
    worker, so that one that no present worker can do never blocks the others.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[bytes, dict[frozenset[str], deque[Task]]]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, task: Task, *, first: bool = False) -> None:
        """Add a task at the end of its client's line, or at its head when it has waited before."""
        line = self._lanes.setdefault(task.priority, OrderedDict()).setdefault(task.client, {})
        tasks = line.setdefault(task.needs, deque())
        if first:
            tasks.appendleft(task)
        else:
            tasks.append(task)
        self._length += 1

    def pop(self, eligible: Eligible) -> Task | None:
        """Take the next task for which eligible holds; it is asked about the head of each line only."""
        for priority in sorted(self._lanes):
            lane = self._lanes[priority]
            for client, line in lane.items():
                for needs, tasks in line.items():
                    if not eligible(tasks[0]):
                        continue
                    task = tasks.popleft()
                    lane.move_to_end(client)
                    self._forget_empty(priority, client, needs)
                    self._length -= 1
                    return task
        return None

    def remove(self, task: Task) -> None:
        """Take out a task that is waiting. Raises ValueError when it is not."""
        self._lanes[task.priority][task.client][task.needs].remove(task)
        self._forget_empty(task.priority, task.client, task.needs)
        self._length -= 1

    def _forget_empty(self, priority: int, client: bytes, needs: frozenset[str]) -> None:
        lane = self._lanes[priority]
        line = lane[client]
        if not line[needs]:
            del line[needs]
        if not line:
            del lane[client]
        if not lane:
            del self._lanes[priority]
