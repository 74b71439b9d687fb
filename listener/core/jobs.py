"""The jobs that the engine works on. Paths whose contents are the same share one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.made import as_in
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.payload import Blob, OpenFile
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.core.actions import Action, Close, Submit
from filterfleet.listener.core.work import Work

FRESH, BACKFILL = 0, 5  # priorities at the broker


@dataclass(slots=True, eq=False)
class JobInHand:
    """waiting are the paths that wait for the job. The engine may read the image until it has the outcome."""

    submitted_at: float
    image: Blob
    waiting: list[str] = field(default_factory=list)
    outcome: Result | Failed | None = None
    turnaround: float = 0.0  # seconds


class Jobs:
    """Adds its actions to a list that it shares with the core."""

    def __init__(self, recipe: Recipe, actions: list[Action], *, copies: bool = True) -> None:
        """copies: a work may take the outputs of another object with the same content, as long as those are there."""
        self._copies = copies
        self._recipe = recipe
        self._sourced = bool(recipe.mentioned)
        self._actions = actions
        self.in_hand: dict[bytes, JobInHand] = {}  # by id
        self.anew: set[str] = set()  # paths to be processed even if a twin is done

    def may_copy(self, work: Work) -> bool:
        """Whether the work may take the outputs of another object with the same content."""
        return self._copies and work.job not in self.in_hand and work.path not in self.anew

    def join(self, work: Work, now: float) -> JobInHand:
        """The work waits for its job from now on. Its image is submitted unless the engine already has the same one."""
        image, work.image = work.image, None
        assert image is not None
        job = self.in_hand.get(work.job)
        if job is None:
            job = self.in_hand[work.job] = JobInHand(now, image)
            priority = FRESH if work.fresh else BACKFILL
            path = work.path if self._sourced else ""
            self._actions.append(Submit(work.job, work.version.size, image, priority, work.fresh, path))
        else:
            self.close([image])
        job.waiting.append(work.path)
        return job

    def ended(self, id_: bytes, outcome: Result | Failed, now: float) -> JobInHand:
        """The engine has an outcome. Outputs that are not those of the recipe are a failure that may pass.
        Those that the image does not get by the rules of the recipe are left out."""
        job = self.in_hand[id_]
        self.close([job.image])
        job.turnaround = now - job.submitted_at
        job.outcome = outcome
        if isinstance(outcome, Result):
            try:
                job.outcome = as_in(self._recipe, outcome)
            except ProtocolError as error:
                job.outcome = Failed(id_, "transient", str(error))
            else:
                kept = {id(blob) for blob in job.outcome.payload}
                self.close(blob for blob in outcome.payload if id(blob) not in kept)
        return job

    def source_changed(self, id_: bytes) -> list[str]:
        """The job has no outcome and is over; returns the paths that waited for it."""
        job = self.in_hand.pop(id_)
        self.close([job.image])
        return job.waiting

    def leave(self, work: Work) -> bool:
        """The outcome of this work is in the ledger. True: it was the last of its job, which may be acknowledged."""
        self.anew.discard(work.path)
        job = self.in_hand.get(work.job)
        if job is None or work.path not in job.waiting:
            return False
        job.waiting.remove(work.path)
        if job.waiting:
            return False
        del self.in_hand[work.job]
        if isinstance(job.outcome, Result):
            self.close(job.outcome.payload)
        return True

    def close(self, blobs: Iterable[Blob]) -> None:
        """Have the files of these blobs closed."""
        self._actions += [Close(blob) for blob in blobs if isinstance(blob, OpenFile)]
