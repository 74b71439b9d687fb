"""The interface between those who have images and those who process them: one protocol, many engines."""

from __future__ import annotations

import enum
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from filterfleet.common.errors import SourceChangedError
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Failed, Result

ReadImage = Callable[[int, int], bytes]  # (offset, length) -> that part of the image file; may raise OSError


def read_part(read: ReadImage, offset: int, length: int) -> bytes:
    """Exactly length bytes of an image file. Raises SourceChangedError when they cannot be read."""
    try:
        data = read(offset, length)
    except OSError as error:
        raise SourceChangedError(f"The image cannot be read any more: {error.strerror}.") from None
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
    """Processes jobs. Any thread may call any method."""

    name: str
    inline_limit: int  # bytes of the largest image that is submitted with its payload; larger ones are read in parts

    @property
    def window(self) -> int:
        """How many images to have under way at once: enough to keep all threads busy, and no more."""

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        """Begin a job. The image of a job without payload is read through read, in parts.

        The future gets an outcome. It gets an exception only when the engine is closed or broken, or when the image
        could not be read (SourceChangedError). A job id may be under way only once.
        """

    def acknowledge(self, job: bytes) -> None:
        """Tell the engine that the outcome of this job has been recorded for good, so that it may forget it."""

    def close(self) -> None:
        """End the engine. Futures without an outcome fail."""
