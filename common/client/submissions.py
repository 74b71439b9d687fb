"""A client's jobs on their way into the broker: which one is sent next, which ones were lost or refused.

state      event                                             next state
WAITING    its turn, and room in the window                  SENT         SUBMIT
SENT       ACCEPTED, or a sign of its result                 ACCEPTED
SENT       BUSY                                              WAITING
SENT       an answer to a job that was sent after it         WAITING      it was lost
SENT       no answer to anything for ACCEPT_PATIENCE         SENT         SUBMIT once more
ACCEPTED   its outputs found no room: again()                WAITING
any        the broker has begun a new session: restart()     WAITING
any        the job has an outcome, or was cancelled: end()   (forgotten)
"""

from __future__ import annotations

import enum
import heapq
import itertools
from dataclasses import dataclass

from filterfleet.common.client import settings
from filterfleet.common.client.flow import Flow
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Submit
from filterfleet.common.wire.messages import BLOB_LIMIT


class _State(enum.Enum):
    WAITING = 1  # in the line
    SENT = 2  # without an answer
    ACCEPTED = 3


@dataclass(slots=True, eq=False)
class _Submission:
    job: Job
    number: int  # in the application's order
    state: _State = _State.WAITING
    carried: int = 0  # bytes of its image that were sent to the broker and, as far as we know, are there
    lean: bool = False  # to be sent without its image, which the worker will pull
    asked: bool = False  # sent, and not answered since
    ambiguous: bool = False  # sent again meanwhile, so an answer may be to either SUBMIT

    @property
    def image(self) -> int:
        """Bytes of the image, if it is in memory."""
        return sum(len(frame) for frame in self.job.payload)

    def message(self, *, with_image: bool) -> Submit:
        job = self.job
        image = job.payload if with_image else ()
        largest = job.largest_output if job.outputs else BLOB_LIMIT
        return Submit(job.id, job.recipe, job.needs, job.priority, job.size, image, job.outputs, largest, job.reference)


class Submissions:
    """Every job that has no outcome yet. The most urgent ones are sent first, and those of one priority in order."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._jobs: dict[bytes, _Submission] = {}
        self._numbers = itertools.count()
        self._line: list[tuple[int, int, _Submission]] = []  # a heap; entries that no longer wait are passed over
        self._unanswered: dict[bytes, _Submission] = {}  # in the order of their last SUBMIT
        self._repeat_at = 0.0

    @property
    def pending(self) -> bool:
        """Whether there is anything to send, now or later."""
        return bool(self._line or self._unanswered)

    def add(self, job: Job) -> None:
        self._jobs[job.id] = submission = _Submission(job, next(self._numbers))
        self._put_in_line(submission)

    def again(self, job: bytes) -> None:
        """Submit an accepted job once more, to be told its outcome."""
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
        """The job has an outcome, or nobody wants it any more."""
        self.arrived(job)
        if (submission := self._jobs.pop(job, None)) is not None:
            self._flow.forgotten(submission.carried)
            self._flow.ended(submission.image)

    def arrived(self, job: bytes) -> None:
        """The broker has the job, though it may not have said so."""
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
            submission.lean = submission.lean or submission.carried > settings.SMALL_IMAGE
            submission.carried = 0
            self._put_in_line(submission)

    def due(self, now: float) -> list[Submit]:
        """The messages to send now, in order."""
        messages = []
        if self._unanswered and self._repeat_at <= now:
            self._repeat_at = now + settings.ACCEPT_PATIENCE
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
        """Bytes of the image that would travel now."""
        size = submission.image
        return size if self._flow.carries(size, lean=submission.lean) else 0

    def _send(self, submission: _Submission, now: float) -> Submit:
        if not self._unanswered:
            self._repeat_at = now + settings.ACCEPT_PATIENCE
        carried = self._to_carry(submission)
        submission.state, submission.carried = _State.SENT, carried
        submission.ambiguous, submission.asked = submission.asked, True
        self._unanswered[submission.job.id] = submission
        self._flow.sent(carried)
        return submission.message(with_image=carried > 0)

    def _repeat(self, submission: _Submission) -> Submit:
        """The SUBMIT again. The first one may still be on its way with its image, so a large image stays here."""
        submission.ambiguous = True
        self._unanswered[submission.job.id] = self._unanswered.pop(submission.job.id)
        return submission.message(with_image=submission.image <= settings.SMALL_IMAGE)

    def _leave(self, submission: _Submission) -> None:
        """The submission is no longer on its way."""
        if self._unanswered.pop(submission.job.id, None) is not None:
            self._flow.answered(submission.carried)

    def _answered(self, job: bytes, now: float) -> None:
        """The broker answers in order, so every job that was sent before this one and has no answer was lost.

        An answer to a job that was sent twice says nothing about the others (P. Karn and C. Partridge, SIGCOMM 1987;
        RFC 6298, 3).
        """
        submission = self._unanswered.get(job)
        if submission is None:
            return
        self._repeat_at = now + settings.ACCEPT_PATIENCE
        if not submission.ambiguous:
            for earlier in list(itertools.takewhile(lambda other: other is not submission, self._unanswered.values())):
                self._leave(earlier)
                self._put_in_line(earlier)
        self._leave(submission)
        submission.asked = False
