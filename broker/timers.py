"""What is to happen later."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, float], None]

SPARE = 64  # entries without effect, before we look


class Timers:
    """One entry for each subject and handler. What is forgotten stays in the heap, without its subject, until there is
    more of that than of the rest: the memory is that of the entries that count, and each costs O(log n)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._order = itertools.count()
        self._entries: dict[int, tuple[Handler, Any]] = {}  # by their numbers
        self._of_subject: dict[Any, dict[Handler, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def next(self) -> float | None:
        """When the next entry is due; earlier, when that has been forgotten since."""
        return self._heap[0][0] if self._heap else None

    def at(self, when: float, handler: Handler, subject: Any) -> None:
        """Have run(now) call handler(subject, now) once now >= when, and not when it was to be called before."""
        handlers = self._of_subject.setdefault(subject, {})
        self._entries.pop(handlers.get(handler, -1), None)
        number = handlers[handler] = next(self._order)
        self._entries[number] = handler, subject
        heapq.heappush(self._heap, (when, number))
        if len(self._heap) > 2 * len(self._entries) + SPARE:
            self._heap = [entry for entry in self._heap if entry[1] in self._entries]
            heapq.heapify(self._heap)

    def forget(self, subject: Any) -> None:
        """Nothing is to happen with this subject any more."""
        for number in self._of_subject.pop(subject, {}).values():
            del self._entries[number]

    def run(self, now: float) -> None:
        """Everything that is due, in order. What handlers add is for the next time."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[1])
        for number in due:
            if number in self._entries:
                self._call(number, now)

    def _call(self, number: int, now: float) -> None:
        handler, subject = self._entries.pop(number)
        handlers = self._of_subject[subject]
        del handlers[handler]
        if not handlers:
            del self._of_subject[subject]
        handler(subject, now)
