"""What is to happen to a lease or a task later."""

from __future__ import annotations

import enum
import heapq
import itertools
from collections.abc import Iterator

from filterfleet.broker.state import Lease, Task

SPARE = 64  # void heap entries that are always tolerated; beyond them the heap is swept when they are the majority

Subject = Lease | Task


class Alarm(enum.Enum):
    EXPIRY = "a lease may have run out of time"
    RETRY = "a delayed task can be tried again"
    RESEND = "a client has not acknowledged an outcome"
    AGE = "a basic client has stopped waiting"

    __hash__ = object.__hash__  # Enum's own is written in Python, and every task sets and clears two alarms


class Timers:
    """Alarms, at most one of each kind for each subject.

    An alarm that is replaced or forgotten leaves a void entry in the heap. The heap is swept when more than half of it
    is void. So the memory is proportional to the alarms that are set, and each costs O(log n).
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._order = itertools.count()
        self._entries: dict[int, tuple[Alarm, Subject]] = {}  # by their numbers; others in the heap are void
        self._of_subject: dict[Subject, dict[Alarm, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def next(self) -> float | None:
        """When the next alarm is due, or earlier when that one has been forgotten since. None when there is none."""
        return self._heap[0][0] if self._heap else None

    def at(self, when: float, alarm: Alarm, subject: Subject) -> None:
        """Set this alarm of the subject to `when`, instead of any earlier setting."""
        alarms = self._of_subject.setdefault(subject, {})
        self._entries.pop(alarms.get(alarm, -1), None)
        number = alarms[alarm] = next(self._order)
        self._entries[number] = alarm, subject
        heapq.heappush(self._heap, (when, number))
        if len(self._heap) > 2 * len(self._entries) + SPARE:
            self._heap = [entry for entry in self._heap if entry[1] in self._entries]
            heapq.heapify(self._heap)

    def forget(self, subject: Subject) -> None:
        """Clear all alarms of this subject."""
        for number in self._of_subject.pop(subject, {}).values():
            del self._entries[number]

    def due(self, now: float) -> Iterator[tuple[Alarm, Subject]]:
        """Take out the alarms that are due, in order.

        The caller may set and forget alarms between two of them: one that is forgotten before its turn does not come,
        and one that is set comes in the next call.
        """
        numbers = []
        while self._heap and self._heap[0][0] <= now:
            numbers.append(heapq.heappop(self._heap)[1])
        for number in numbers:
            if number in self._entries:
                yield self._take(number)

    def _take(self, number: int) -> tuple[Alarm, Subject]:
        alarm, subject = self._entries.pop(number)
        alarms = self._of_subject[subject]
        del alarms[alarm]
        if not alarms:
            del self._of_subject[subject]
        return alarm, subject
