"""What a source of images needs of whatever processes them: one interface, many engines."""

from __future__ import annotations

import enum
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from filterfleet.common.errors import SourceChangedError
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Failed, Result

ReadImage = Callable[[int, int], bytes]  # (offset, length) -> bytes of the image file; may raise OSError


def read_part(read: ReadImage, offset: int, length: int) -> bytes:
    """Just so many bytes of an image file. Raises SourceChangedError."""
    try:
        data = read(offset, length)
    except OSError as error:
        raise SourceChangedError(f"The image can no longer be read: {error.strerror}.") from None
    if len(data) != length:
        raise SourceChangedError("The image became shorter while it was being read.")
    return data


class EngineName(enum.StrEnum):
    SEQUENTIAL = "sequential"
    THREADS = "threads"
    PROCESSES = "processes"
    MPI = "mpi"
    DASK = "dask"
    CLUSTER = "cluster"


class Engine(Protocol):
    """Processes jobs. Every method may be called from any thread."""

    name: str
    inline_limit: int  # bytes of the largest image that is submitted with its payload

    @property
    def window(self) -> int:
        """Images that are worth having under way: enough to keep all threads busy, and no more."""

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        """Begin a job. Its future gets an outcome, and an exception only when the engine is closed or broken, or
        SourceChangedError.

        A job without payload is read through read, in parts. A job id may be under way only once.
        """

    def acknowledge(self, job: bytes) -> None:
        """The outcome has been made permanent; the engine may forget it."""

    def close(self) -> None:
        """End; futures without an outcome fail."""
