"""How jobs are told to the broker: one by one, or many of a kind in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import ROWS_LIMIT, Submit, Submits
from filterfleet.common.wire.columns import JOINED
from filterfleet.common.wire.messages import BLOB_LIMIT


def single(job: Job, *, with_image: bool) -> Submit:
    """SUBMIT, with the image or without it."""
    image = job.payload if with_image else ()
    return Submit(
        job.id, job.recipe, job.needs, job.priority, job.size, image, job.outputs, _largest(job), job.reference
    )


def fits_columns(job: Job, carried: int) -> bool:
    """Whether the job may stand in columns; carried is how many bytes of its image travel with it."""
    return carried == job.size <= JOINED


def in_columns(jobs: Iterable[Job]) -> Iterator[Submits | Submit]:
    """SUBMITS for neighbours that differ in nothing but their images, in order, all with their images."""
    group: list[Job] = []
    shared: object = None
    for job in jobs:
        kind = job.recipe, job.needs, job.priority, job.outputs
        if kind != shared or len(group) == ROWS_LIMIT:
            if group:
                yield _joined(group)
            group, shared = [], kind
        group.append(job)
    if group:
        yield _joined(group)


def _joined(jobs: list[Job]) -> Submits | Submit:
    first = jobs[0]
    if len(jobs) == 1:
        return single(first, with_image=True)
    ids = tuple([job.id for job in jobs])
    sizes = tuple([job.size for job in jobs])
    image = b"".join([frame for job in jobs for frame in job.payload])
    payload = (image,) if image else ()
    return Submits(ids, first.recipe, first.needs, first.priority, sizes, payload, first.outputs, _largest(first))


def _largest(job: Job) -> int:
    """Bytes that an output may have; all small images have one limit."""
    return job.largest_output if job.outputs else BLOB_LIMIT
