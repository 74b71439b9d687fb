"""A client's jobs on their way into the broker: which is sent next, what was lost, what was refused."""

from __future__ import annotations

import enum
import heapq
import itertools
from dataclasses import dataclass

from filterfleet.common.client import flow
from filterfleet.common.client.flow import Flow
from filterfleet.common.jobs.jobs import Job
from filterfleet.common.wire import Submit

ACCEPT_PATIENCE = 10.0  # seconds without any answer until what has none is submitted once more


class _State(enum.Enum):
    WAITING = 1  # in the line
    SENT = 2  # without an answer
    ACCEPTED = 3


@dataclass(slots=True, eq=False)
class _Submission:
    job: Job
    number: int  # in the order of the application
    state: _State = _State.WAITING
    carried: int = 0  # bytes of its image that the broker was sent and has, for all we know
    lean: bool = False  # to be sent without its image: the worker pulls that
    asked: bool = False  # sent, and not answered since
    ambiguous: bool = False  # sent again meanwhile: an answer may be to either

    @property
    def image(self) -> int:
        """Bytes of the image, if that is in memory."""
        return sum(len(frame) for frame in self.job.payload)

    def message(self, *, with_image: bool) -> Submit:
        job = self.job
        return Submit(job.id, job.recipe, job.needs, job.priority, job.size, job.payload if with_image else ())


class Submissions:
    """Every job that has no outcome yet. The most urgent are sent first, and those of one priority in order."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._jobs: dict[bytes, _Submission] = {}
        self._numbers = itertools.count()
        self._line: list[tuple[int, int, _Submission]] = []  # a heap; what is no longer waiting is passed over
        self._unanswered: dict[bytes, _Submission] = {}  # in the order of their last SUBMIT
        self._repeat_at = 0.0

    @property
    def pending(self) -> bool:
        """Whether there is anything to be sent, now or later."""
        return bool(self._line or self._unanswered)

    def add(self, job: Job) -> None:
        self._jobs[job.id] = submission = _Submission(job, next(self._numbers))
        self._put_in_line(submission)

    def again(self, job: bytes) -> None:
        """Submit what was accepted once more, to be told its outcome."""
        submission = self._jobs[job]
        submission.lean = True
        if submission.state is _State.ACCEPTED:
            self._put_in_line(submission)

    def restart(self) -> None:
        """The broker holds nothing of ours."""
        self._flow = Flow()
        self._unanswered.clear()
        for submission in self._jobs.values():
            submission.state, submission.carried, submission.lean = _State.WAITING, 0, False
            submission.asked = submission.ambiguous = False
        self._line = [(each.job.priority, each.number, each) for each in self._jobs.values()]
        heapq.heapify(self._line)

    def end(self, job: bytes) -> None:
        """It has an outcome, or nobody wants it any more."""
        self.arrived(job)
        if (submission := self._jobs.pop(job, None)) is not None:
            self._flow.forgotten(submission.carried)
            self._flow.ended(submission.image)

    def arrived(self, job: bytes) -> None:
        """The broker has it, though it may not have said so."""
        if (submission := self._jobs.get(job)) is not None:
            self._leave(submission)
            submission.state = _State.ACCEPTED

    def accepted(self, job: bytes, now: float) -> None:
        self._answered(job, now)
        submission = self._jobs.get(job)
        if submission is not None and submission.state is not _State.ACCEPTED:
            submission.state = _State.ACCEPTED
            self._flow.accepted(now)

    def refused(self, job: bytes, retry_at: float, now: float) -> None:
        self._answered(job, now)
        submission = self._jobs.get(job)
        if submission is not None and submission.state is _State.SENT:
            self._flow.refused(submission.job.priority, submission.carried, retry_at, now)
            submission.lean = submission.lean or submission.carried > flow.SMALL
            submission.carried = 0
            self._put_in_line(submission)

    def due(self, now: float) -> list[Submit]:
        """What is to be sent now, in this order."""
        messages = []
        if self._unanswered and self._repeat_at <= now:
            self._repeat_at = now + ACCEPT_PATIENCE
            messages += [self._repeat(submission) for submission in list(self._unanswered.values())]
        while self._line:
            submission = self._line[0][2]
            if submission.state is _State.WAITING and self._jobs.get(submission.job.id) is submission:
                if not self._flow.is_open(submission.job.priority, self._to_carry(submission), now):
                    break
                messages.append(self._send(submission, now))
            heapq.heappop(self._line)
        return messages

    # --- inside ----

    def _put_in_line(self, submission: _Submission) -> None:
        self._flow.forgotten(submission.carried)
        submission.state, submission.carried = _State.WAITING, 0
        heapq.heappush(self._line, (submission.job.priority, submission.number, submission))

    def _to_carry(self, submission: _Submission) -> int:
        """Bytes of the image that would be sent now."""
        size = submission.image
        return size if self._flow.carries(size, lean=submission.lean) else 0

    def _send(self, submission: _Submission, now: float) -> Submit:
        if not self._unanswered:
            self._repeat_at = now + ACCEPT_PATIENCE
        carried = self._to_carry(submission)
        submission.state, submission.carried = _State.SENT, carried
        submission.ambiguous, submission.asked = submission.asked, True
        self._unanswered[submission.job.id] = submission
        self._flow.sent(carried)
        return submission.message(with_image=carried > 0)

    def _repeat(self, submission: _Submission) -> Submit:
        """What may still be on its way, with its image."""
        submission.ambiguous = True
        self._unanswered[submission.job.id] = self._unanswered.pop(submission.job.id)
        return submission.message(with_image=submission.image <= flow.SMALL)

    def _leave(self, submission: _Submission) -> None:
        """It is no longer on its way."""
        if self._unanswered.pop(submission.job.id, None) is not None:
            self._flow.answered(submission.carried)

    def _answered(self, job: bytes, now: float) -> None:
        """The broker answers in order: what was sent before this job and has no answer was lost. An answer to what was
        sent twice tells nothing of others (P. Karn and C. Partridge, SIGCOMM 1987; RFC 6298, 3)."""
        submission = self._unanswered.get(job)
        if submission is None:
            return
        self._repeat_at = now + ACCEPT_PATIENCE
        if not submission.ambiguous:
            for earlier in list(itertools.takewhile(lambda other: other is not submission, self._unanswered.values())):
                self._leave(earlier)
                self._put_in_line(earlier)
        self._leave(submission)
        submission.asked = False
