"""A client's jobs on their way into the broker, and the line of those that wait for their turn."""

from __future__ import annotations

import collections
import enum
import heapq
from collections.abc import Iterator

from msgspec import Struct

from filterfleet.common.jobs.job import Job


class State(enum.Enum):
    WAITING = 1  # in the line
    SENT = 2  # without an answer
    ACCEPTED = 3
    ENDED = 4


class Submission(Struct, eq=False, gc=False):
    """A job that has no outcome yet. submissions.py has the table of its states."""

    job: Job
    number: int  # in the application's order
    image: int  # bytes of the image, if it is in memory
    state: State = State.WAITING
    carried: int = 0  # bytes of its image that were sent to the broker and, as far as we know, are there
    lean: bool = False  # to be sent without its image, which the worker will pull
    sent: bool = False  # in this session
    asked: bool = False  # sent, and not answered since
    ambiguous: bool = False  # sent again meanwhile, so an answer may be to either SUBMIT


class Line:
    """The most urgent first, and those of one priority in the application's order.

    New ones come in that order already, so only those that come back need a heap.
    """

    def __init__(self) -> None:
        self._new: dict[int, collections.deque[Submission]] = {}  # by priority, the most urgent first
        self._back: list[tuple[int, int, Submission]] = []

    def __bool__(self) -> bool:
        return bool(self._new or self._back)

    def add(self, submission: Submission) -> None:
        """One that has never waited before."""
        priority = submission.job.priority
        if (waiting := self._new.get(priority)) is None:
            waiting = self._new[priority] = collections.deque()
            self._new = dict(sorted(self._new.items()))
        waiting.append(submission)

    def put_back(self, submission: Submission) -> None:
        """One that waits again."""
        heapq.heappush(self._back, (submission.job.priority, submission.number, submission))

    def turns(self) -> Iterator[Submission]:
        """Those whose turn it is, one after the other. Each stays in the line for as long as it waits, and then it is
        its turn again."""
        back, waits = self._back, State.WAITING  # a constant of an enumeration takes long to find
        while self._new:
            priority, line = next(iter(self._new.items()))
            while line:
                new = line[0]
                if new.state is not waits:
                    line.popleft()
                elif back and (first := self._first_back()) is not None and back[0] < (priority, new.number):
                    yield first
                else:
                    yield new
            del self._new[priority]
        while (first := self._first_back()) is not None:
            yield first

    def _first_back(self) -> Submission | None:
        """The first of those that wait again."""
        while self._back:
            if (first := self._back[0][2]).state is State.WAITING:
                return first
            heapq.heappop(self._back)
        return None
