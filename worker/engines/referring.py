"""Images by reference for engines whose processes are on other machines, and may see the folders of the run."""

from __future__ import annotations

import functools

from msgspec.structs import replace

from filterfleet.common.jobs.engine import ReadImage, read_part
from filterfleet.common.jobs.job import Job
from filterfleet.common.shares.names import Share
from filterfleet.common.wire import Failed, Result
from filterfleet.worker.engines.local import run_job
from filterfleet.worker.resources import default
from filterfleet.worker.shares import ByValue, Shares


def run_referred(job: Job, shares: tuple[Share, ...]) -> Result | Failed | ByValue:
    """The outcome of a job, there where it is done. ByValue: the job has to bring its image along."""
    if not job.reference:
        return run_job(job)
    outcome = _reach(shares).attempt(job.id, job.recipe, job.reference, default())
    if isinstance(outcome, Failed | ByValue):
        return outcome
    return Result(job.id, outcome.outputs, outcome.report, outcome.blobs, left=outcome.left)


def with_image(job: Job, read: ReadImage | None) -> Job:
    """The job with its image in memory, and without a reference. Raises SourceChangedError."""
    if job.payload or read is None:
        return replace(job, reference=b"")
    return replace(job, payload=(read_part(read, 0, job.size),), reference=b"")


@functools.lru_cache(maxsize=8)
def _reach(shares: tuple[Share, ...]) -> Shares:
    return Shares(shares)
