"""What is to happen to a lease or a task later."""

from __future__ import annotations

import enum
import heapq
import itertools
from collections.abc import Iterable, Iterator

from filterfleet.broker.state import Lease, Task

SPARE = 64  # void heap entries that are always tolerated; beyond them the heap is swept when they are the majority
NEVER = float("inf")

Subject = Lease | Task


class Alarm(enum.Enum):
    EXPIRY = "a lease has run out of time"
    RETRY = "a delayed task can be tried again"
    RESEND = "a client has not acknowledged an outcome"
    AGE = "a basic client has stopped waiting"

    __hash__ = object.__hash__  # Enum's own is written in Python


class Timers:
    """Alarms, at most one of each kind for each subject.

    All kinds but RETRY always come after the same time. So their alarms stand in the order in which they were set, and
    setting or forgetting one is a step in a dictionary.
    """

    def __init__(self) -> None:
        self._queues: dict[Alarm, _Line | _Heap] = {
            alarm: _Heap() if alarm is Alarm.RETRY else _Line() for alarm in Alarm
        }

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def next(self) -> float:
        """When the next alarm is due, or earlier when that one has been forgotten since; infinity without any."""
        return min([queue.next for queue in self._queues.values()])

    def at(self, when: float, alarm: Alarm, *subjects: Subject) -> None:
        """Set this alarm of the subjects to `when`, instead of any earlier setting."""
        self._queues[alarm].at(when, subjects)

    def forget(self, *subjects: Subject) -> None:
        """Clear all alarms of these subjects, which are all leases or all tasks."""
        of_leases = isinstance(subjects[0], Lease)  # which have alarms of one kind, and tasks of the others
        for alarm, queue in self._queues.items():
            if of_leases is (alarm is Alarm.EXPIRY) and queue:
                queue.forget(subjects)

    def due(self, now: float) -> Iterator[tuple[Alarm, Subject]]:
        """Take out the alarms that are due, each kind in order.

        The caller may set and forget alarms between two of them: one that is forgotten before its turn does not come,
        and one that is set comes in the next call.
        """
        found = [(alarm, queue, one) for alarm, queue in self._queues.items() for one in queue.due(now)]
        for alarm, queue, (subject, when) in found:
            if queue.take(subject, when):
                yield alarm, subject


class _Queue:
    """The alarms of one kind."""

    def __init__(self) -> None:
        self._alarms: dict[Subject, float] = {}

    def __len__(self) -> int:
        return len(self._alarms)

    def forget(self, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            self._alarms.pop(subject, None)

    def take(self, subject: Subject, when: float) -> bool:
        """Whether this alarm was still set; it is not any more."""
        if self._alarms.get(subject) != when:
            return False
        del self._alarms[subject]
        return True


class _Line(_Queue):
    """Alarms that are set in the order in which they ring."""

    def __init__(self) -> None:
        super().__init__()
        self.next = NEVER  # or earlier
        self._last = -NEVER

    def at(self, when: float, subjects: Iterable[Subject]) -> None:
        if not self._alarms.keys().isdisjoint(subjects):
            self.forget(subjects)  # they are to stand at the end
        self._alarms.update(dict.fromkeys(subjects, when))
        if when < self._last:  # never in the broker
            self._alarms = dict(sorted(self._alarms.items(), key=lambda alarm: alarm[1]))
        self._last = max(self._last, when)
        self.next = min(self.next, when)

    def due(self, now: float) -> list[tuple[Subject, float]]:
        if now < self.next:
            return []
        self.next = next((when for when in self._alarms.values() if when > now), NEVER)
        return list(itertools.takewhile(lambda alarm: alarm[1] <= now, self._alarms.items()))


class _Heap(_Queue):
    """Alarms in any order.

    An alarm that is replaced or forgotten leaves a void entry in the heap. The heap is swept when more than half of it
    is void. So the memory is proportional to the alarms that are set, and each costs O(log n).
    """

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, Subject]] = []
        self._order = itertools.count()

    @property
    def next(self) -> float:
        return self._heap[0][0] if self._heap else NEVER

    def at(self, when: float, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            self._alarms[subject] = when
            heapq.heappush(self._heap, (when, next(self._order), subject))
        if len(self._heap) > 2 * len(self._alarms) + SPARE:
            self._heap = [entry for entry in self._heap if self._alarms.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def due(self, now: float) -> list[tuple[Subject, float]]:
        found = []
        while self._heap and self._heap[0][0] <= now:
            when, _, subject = heapq.heappop(self._heap)
            found.append((subject, when))
        return found
