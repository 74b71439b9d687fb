"""The image of a job, for an engine on this machine. This loads no OpenCV."""

from __future__ import annotations

from filterfleet.common.blob import STEP, Blob, FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage, read_part
from filterfleet.common.jobs.job import Job
from filterfleet.worker.closing import closed_on_error


def image_of(job: Job, read: ReadImage | None) -> Blob:
    """The image of a job: its payload, or a copy on disk, which nobody else changes and which the caller closes.

    Raises SourceChangedError, and FleetError when the disk has no room for it.
    """
    if job.payload:
        return job.payload[0]
    if read is None:
        return b""
    try:
        with closed_on_error(FileBlob()) as copy:
            for offset in range(0, job.size, STEP):
                copy.append(read_part(read, offset, min(STEP, job.size - offset)))
    except OSError as error:
        raise FleetError(
            f"The image cannot be kept on disk while it is worked on: {error.strerror} ($TMPDIR)."
        ) from None
    return copy
