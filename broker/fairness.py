"""The waiting line: fresh before backfill, clients in turn, each client's tasks in order."""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable

from broker.peers import Task

Eligible = Callable[[Task], bool]
_Kind = tuple[frozenset[str], bytes]
_Line = dict[_Kind, deque[tuple[int, Task]]]  # each task with its place in the line


class FairQueue:
    """Tasks that wait for a worker.

    Within one priority the clients take turns. A client's tasks are kept apart by all that decides which worker may
    take them, what they need of it and which one they avoid. So one that a worker cannot take never blocks the others.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[bytes, _Line]] = {}
        self._numbers = itertools.count(1)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, task: Task, *, first: bool = False) -> None:
        """Add a task at the end of its client's line, or at its head when it has waited before."""
        line = self._lanes.setdefault(task.priority, OrderedDict()).setdefault(task.client, {})
        tasks = line.setdefault(_kind(task), deque())
        number = next(self._numbers)
        if first:
            tasks.appendleft((-number, task))
        else:
            tasks.append((number, task))
        self._length += 1

    def pop(self, eligible: Eligible) -> Task | None:
        """Take the next task for which eligible holds; it is asked about the first task of each kind only."""
        for priority in sorted(self._lanes):
            lane = self._lanes[priority]
            for client, line in lane.items():
                heads = [tasks[0] for tasks in line.values() if eligible(tasks[0][1])]
                if heads:
                    _, task = min(heads)
                    line[_kind(task)].popleft()
                    lane.move_to_end(client)
                    self._forget(task)
                    return task
        return None

    def remove(self, task: Task) -> None:
        """Take out a task that is waiting. Raises ValueError when it is not."""
        tasks = self._lanes[task.priority][task.client][_kind(task)]
        del tasks[[waiting for _, waiting in tasks].index(task)]
        self._forget(task)

    def _forget(self, task: Task) -> None:
        """The task has been taken out; what is empty without it goes, too."""
        self._length -= 1
        lane = self._lanes[task.priority]
        line = lane[task.client]
        if not line[_kind(task)]:
            del line[_kind(task)]
        if not line:
            del lane[task.client]
        if not lane:
            del self._lanes[task.priority]


def _kind(task: Task) -> _Kind:
    return task.needs, task.avoid
