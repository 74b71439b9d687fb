"""The queue: fresh uploads before backfill, owners in turn, an owner's clients in turn, their tasks in order."""

from __future__ import annotations

import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence

from filterfleet.broker.state import Task

Eligible = Callable[[Task], bool]
_Kind = tuple[frozenset[str], bytes]
_Line = dict[_Kind, OrderedDict[int, Task]]  # each kind's tasks by their places in the client's line
_Lines = OrderedDict[bytes, _Line]  # by client


class FairQueue:
    """Tasks that wait for a worker.

    Owners take turns within one priority, and so do the clients of one owner. A client's tasks are kept apart by kind,
    which is everything that decides which workers may take them: the filters they need and the worker they avoid. So a
    task that a worker cannot take never blocks the others.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[str, _Lines]] = {}  # by priority and owner
        self._numbers = itertools.count(1)
        self._size = 0
        self._kinds: Counter[str] = Counter()  # by owner

    def __len__(self) -> int:
        return self._size

    def __contains__(self, task: Task) -> bool:
        tasks = self._line(task.priority, task.owner, task.client).get(_kind(task))
        return tasks is not None and tasks.get(task.place) is task

    def __iter__(self) -> Iterator[Task]:
        """All tasks, in no order that means anything."""
        for lane in self._lanes.values():
            for lines in lane.values():
                for line in lines.values():
                    for tasks in line.values():
                        yield from tasks.values()

    def needs(self) -> set[frozenset[str]]:
        """What tasks need that wait: the needs of each kind."""
        lines = (line for lane in self._lanes.values() for lines in lane.values() for line in lines.values())
        return {needs for line in lines for needs, _ in line}

    def push(self, task: Task, *, first: bool = False) -> None:
        """Add a task at the end of its client's line, or at its head when it has waited before."""
        tasks = self._kind_of(task)
        number = next(self._numbers)
        task.place = -number if first else number
        tasks[task.place] = task
        self._size += 1
        if first:
            tasks.move_to_end(task.place, last=False)

    def push_all(self, tasks: Sequence[Task]) -> None:
        """Add tasks of one client, priority and kind at the end of its line."""
        line = self._kind_of(tasks[0])
        for task, place in zip(tasks, self._numbers, strict=False):
            task.place = place
            line[place] = task
        self._size += len(tasks)

    def _kind_of(self, task: Task) -> OrderedDict[int, Task]:
        """The tasks of its kind in its client's line, which are begun when there are none."""
        if (lane := self._lanes.get(task.priority)) is None:
            lane = self._lanes[task.priority] = OrderedDict()
        if (lines := lane.get(task.owner)) is None:
            lines = lane[task.owner] = OrderedDict()
        line = lines.setdefault(task.client, {})
        kind = _kind(task)
        if (tasks := line.get(kind)) is None:
            tasks = line[kind] = OrderedDict()
            self._kinds[task.owner] += 1
        return tasks

    def has_kind(self, task: Task) -> bool:
        """Whether a task of the same client, priority and kind waits."""
        return _kind(task) in self._line(task.priority, task.owner, task.client)

    def kinds(self, owner: str, client: bytes) -> int:
        """How many kinds of the client's tasks wait, each priority counted by itself."""
        return sum(len(self._line(priority, owner, client)) for priority in self._lanes)

    def kinds_of(self, owner: str) -> int:
        """The same for all clients of this owner together."""
        return self._kinds[owner]

    def pop(self, eligible: Eligible, most: int = 1) -> list[Task]:
        """Take out the next task for which `eligible` holds, and up to `most` in all that follow in the same client's
        line and are of the same kind. `eligible` is asked about the first task of each kind only."""
        for priority in sorted(self._lanes):
            lane = self._lanes[priority]
            for owner, lines in lane.items():
                for client, line in lines.items():
                    if (task := _first(line, eligible)) is not None:
                        lane.move_to_end(owner)
                        lines.move_to_end(client)
                        return self._cut(task, line, most)
        return []

    def _cut(self, first: Task, line: _Line, most: int) -> list[Task]:
        """The first task of a kind, and those behind it unless other kinds stand between them."""
        tasks = line[_kind(first)]
        more = min(most, len(tasks)) - 1 if len(line) == 1 else 0
        found = [tasks.popitem(last=False)[1] for _ in range(more)]
        self._size -= more
        last = next(iter(tasks.values()))
        self.remove(last)
        return [*found, last]

    def remove(self, task: Task) -> None:
        """Take out a task, and every line and lane that is empty without it. Raises KeyError when it is not waiting."""
        lane = self._lanes[task.priority]
        lines = lane[task.owner]
        line = lines[task.client]
        kind = _kind(task)
        tasks = line[kind]
        del tasks[task.place]
        self._size -= 1
        if not tasks:
            del line[kind]
            self._kinds[task.owner] -= 1
            if not self._kinds[task.owner]:
                del self._kinds[task.owner]
        if not line:
            del lines[task.client]
        if not lines:
            del lane[task.owner]
        if not lane:
            del self._lanes[task.priority]

    def _line(self, priority: int, owner: str, client: bytes) -> _Line:
        """A client's line, empty if it has none."""
        lane = self._lanes.get(priority)
        lines = lane.get(owner) if lane is not None else None
        return lines.get(client, {}) if lines is not None else {}


def _first(line: _Line, eligible: Eligible) -> Task | None:
    """The first task in this line that is eligible."""
    first, best = None, 0
    for tasks in line.values():
        place, task = next(iter(tasks.items()))
        if (first is None or place < best) and eligible(task):
            first, best = task, place
    return first


def _kind(task: Task) -> _Kind:
    return task.needs, task.avoid
