"""A client's jobs on their way into the broker: which one is sent next, which ones were lost or refused.

state      event                                             next state
WAITING    its turn, and room in the window                  SENT         SUBMIT
SENT       ACCEPTED, or a sign of its result                 ACCEPTED
SENT       BUSY                                              WAITING
SENT       an answer to a job that was sent after it         WAITING      it was lost
SENT       no answer to anything for ACCEPT_PATIENCE         SENT         SUBMIT once more
ACCEPTED   its outputs found no room: again()                WAITING
any        the broker has begun a new session: restart()     WAITING
any        the job has an outcome: end()                     ENDED
any        the job is cancelled: cancel()                    ENDED
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Sequence

from filterfleet.common.client import settings
from filterfleet.common.client.flow import Flow
from filterfleet.common.client.line import Line, State, Submission
from filterfleet.common.client.messages import fits_columns, in_columns, single
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Message, Submit


class Submissions:
    """Every job that has no outcome yet. The most urgent ones are sent first, and those of one priority in order."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._jobs: dict[bytes, Submission] = {}
        self._numbers = itertools.count()
        self._line = Line()
        # In the order of their last SUBMIT. A dict would look for its first item among those that were removed.
        self._unanswered: collections.OrderedDict[bytes, Submission] = collections.OrderedDict()
        self._repeat_at = 0.0

    @property
    def pending(self) -> bool:
        """Whether there is anything to send, now or later."""
        return bool(self._line or self._unanswered)

    def add(self, jobs: Iterable[Job]) -> None:
        for job, number in zip(jobs, self._numbers, strict=False):
            image = len(job.payload[0]) if len(job.payload) == 1 else sum(map(len, job.payload))
            self._jobs[job.id] = submission = Submission(job, number, image)
            self._line.add(submission)

    def has_sent(self, job: bytes) -> bool:
        """Whether the broker of this session has been sent the job, since it was last added. Otherwise an answer is
        to one before, which the broker has been told to forget."""
        submission = self._jobs.get(job)
        return submission is not None and submission.sent

    def again(self, job: bytes) -> None:
        """Submit an accepted job once more, to be told its outcome."""
        submission = self._jobs[job]
        submission.lean = True
        if submission.state is State.ACCEPTED:
            self._put_in_line(submission)

    def restart(self) -> None:
        """The broker holds nothing of ours."""
        self._flow = Flow()
        self._unanswered.clear()
        for submission in self._jobs.values():
            submission.state, submission.carried, submission.lean = State.WAITING, 0, False
            submission.sent = submission.asked = submission.ambiguous = False
        self._line = Line()
        for submission in sorted(self._jobs.values(), key=lambda each: each.number):
            self._line.add(submission)

    def end(self, jobs: Iterable[bytes], now: float) -> None:
        """These jobs have outcomes."""
        carried = images = 0
        sent, ended = State.SENT, State.ENDED  # constants of an enumeration take long to find
        for job in jobs:
            if (submission := self._jobs.pop(job, None)) is not None:
                if submission.state is sent:
                    del self._unanswered[job]
                    self._flow.answered(1, submission.carried)
                    self._flow.accepted(1, now)
                submission.state = ended
                carried += submission.carried
                images += submission.image
        self._flow.ended(carried, images)

    def cancel(self, job: bytes) -> None:
        """Nobody wants the job any more."""
        if (submission := self._jobs.pop(job, None)) is not None:
            self._leave(submission)
            submission.state = State.ENDED
            self._flow.ended(submission.carried, submission.image)

    def arrived(self, job: bytes, now: float) -> None:
        """The broker has the job. It need not have said so, and it does not when it has sent the outcome before."""
        if (submission := self._jobs.get(job)) is not None:
            if submission.state is State.SENT:
                self._leave(submission)
                self._flow.accepted(1, now)
            submission.state = State.ACCEPTED

    def accepted(self, jobs: Sequence[bytes], now: float) -> None:
        for job in jobs[self._accepted_in_order(jobs, now) :]:
            submission = self._jobs.get(job)
            if submission is not None and submission.sent and submission.state is not State.ACCEPTED:
                self._answered(submission, now)
                submission.state = State.ACCEPTED
                self._flow.accepted(1, now)

    def refused(self, job: bytes, retry_at: float, now: float) -> None:
        submission = self._jobs.get(job)
        if submission is not None and submission.state is State.SENT:
            self._answered(submission, now)
            self._flow.refused(submission.job.priority, submission.carried, retry_at, now)
            submission.lean = submission.lean or submission.carried > settings.SMALL_IMAGE
            submission.carried = 0
            self._put_in_line(submission)

    def due(self, now: float, *, columns: bool) -> list[Message]:
        """The messages to send now, in order, for a broker that may know columns."""
        messages: list[Message] = []
        if self._unanswered and self._repeat_at <= now:
            self._repeat_at = now + settings.ACCEPT_PATIENCE
            messages += [self._repeat(submission) for submission in list(self._unanswered.values())]
        small: list[Job] = []  # that may share columns
        admit, sent, unanswered = self._flow.admit, State.SENT, self._unanswered
        if not unanswered:
            self._repeat_at = now + settings.ACCEPT_PATIENCE
        for submission in self._line.turns():
            job = submission.job
            carried = admit(job.priority, submission.image, now, lean=submission.lean)
            if carried is None:
                break
            submission.state, submission.carried = sent, carried
            submission.ambiguous, submission.asked = submission.asked, True
            submission.sent = True
            unanswered[job.id] = submission
            if columns and fits_columns(job, carried):
                small.append(job)
                continue
            messages += in_columns(small)
            small.clear()
            messages.append(single(job, with_image=carried > 0))
        return [*messages, *in_columns(small)]

    # --- inside ----

    def _put_in_line(self, submission: Submission) -> None:
        self._flow.forgotten(submission.carried)
        submission.state, submission.carried = State.WAITING, 0
        self._line.put_back(submission)

    def _repeat(self, submission: Submission) -> Submit:
        """The SUBMIT again. The first one may still be on its way with its image, so a large image stays here."""
        submission.ambiguous = True
        self._unanswered.move_to_end(submission.job.id)
        return single(submission.job, with_image=submission.image <= settings.SMALL_IMAGE)

    def _accepted_in_order(self, jobs: Sequence[bytes], now: float) -> int:
        """How many of these have been accepted exactly as they were sent, from the first one on."""
        accepted, count, carried = State.ACCEPTED, 0, 0
        for job, (id_, submission) in zip(jobs, self._unanswered.items(), strict=False):
            if job != id_ or submission.ambiguous:
                break
            submission.state, submission.asked = accepted, False
            carried += submission.carried
            count += 1
        for _ in range(count):
            self._unanswered.popitem(last=False)
        if count:
            self._repeat_at = now + settings.ACCEPT_PATIENCE
            self._flow.answered(count, carried)
            self._flow.accepted(count, now)
        return count

    def _leave(self, submission: Submission) -> None:
        """The submission is on its way no more."""
        if self._unanswered.pop(submission.job.id, None) is not None:
            self._flow.answered(1, submission.carried)

    def _answered(self, submission: Submission, now: float) -> None:
        """The broker answers in order, so every job that was sent before this one and has no answer was lost.

        An answer to a job that was sent twice says nothing about the others (P. Karn and C. Partridge, SIGCOMM 1987;
        RFC 6298, 3).
        """
        if submission.state is not State.SENT:
            return
        self._repeat_at = now + settings.ACCEPT_PATIENCE
        if not submission.ambiguous:
            while (earlier := next(iter(self._unanswered.values()))) is not submission:
                self._leave(earlier)
                self._put_in_line(earlier)
        self._leave(submission)
        submission.asked = False
