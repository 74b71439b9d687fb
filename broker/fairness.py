"""The queue: fresh uploads before backfill, clients in turn, each client's tasks in order."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator

from filterfleet.broker.state import Task

Eligible = Callable[[Task], bool]
_Kind = tuple[frozenset[str], bytes]
_Line = dict[_Kind, OrderedDict[int, Task]]  # each kind's tasks by their places in the client's line


class FairQueue:
    """Tasks that wait for a worker.

    Clients take turns within one priority. A client's tasks are kept apart by kind, which is everything that decides
    which workers may take them: the filters they need and the worker they avoid. So a task that a worker cannot take
    never blocks the others.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[bytes, _Line]] = {}
        self._numbers = itertools.count(1)
        self._places: dict[Task, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Task]:
        """All tasks, in no order that means anything."""
        return iter(self._places)

    def push(self, task: Task, *, first: bool = False) -> None:
        """Add a task at the end of its client's line, or at its head when it has waited before."""
        line = self._lanes.setdefault(task.priority, OrderedDict()).setdefault(task.client, {})
        tasks = line.setdefault(_kind(task), OrderedDict())
        number = next(self._numbers)
        place = self._places[task] = -number if first else number
        tasks[place] = task
        if first:
            tasks.move_to_end(place, last=False)

    def has_kind(self, task: Task) -> bool:
        """Whether a task of the same client, priority and kind waits."""
        lane = self._lanes.get(task.priority)
        return lane is not None and _kind(task) in lane.get(task.client, {})

    def kinds(self, client: bytes) -> int:
        """How many kinds of the client's tasks wait, each priority counted by itself."""
        return sum(len(lane.get(client, ())) for lane in self._lanes.values())

    def pop(self, eligible: Eligible) -> Task | None:
        """Take out the next task for which `eligible` holds. It is asked about the first task of each kind only."""
        for priority in sorted(self._lanes):
            lane = self._lanes[priority]
            for client, line in lane.items():
                heads = dict(next(iter(tasks.items())) for tasks in line.values())
                places = [place for place, task in heads.items() if eligible(task)]
                if places:
                    task = heads[min(places)]
                    lane.move_to_end(client)
                    self.remove(task)
                    return task
        return None

    def remove(self, task: Task) -> None:
        """Take out a task, and every line and lane that is empty without it. Raises KeyError when it is not waiting."""
        lane = self._lanes[task.priority]
        line = lane[task.client]
        tasks = line[_kind(task)]
        del tasks[self._places.pop(task)]
        if not tasks:
            del line[_kind(task)]
        if not line:
            del lane[task.client]
        if not lane:
            del self._lanes[task.priority]


def _kind(task: Task) -> _Kind:
    return task.needs, task.avoid
