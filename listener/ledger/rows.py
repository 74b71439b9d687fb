"""What a ledger says to people, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.wire import OutputFile

# The fields of a report: sizes in bytes and pixels, times in seconds. Those of work that was never done are None.
REPORT = (
    *("path", "bytes", "width", "height", "pixels", "engine", "worker"),
    *("queue", "decode", "filter", "encode", "write", "status", "reason", "notes"),
)


@dataclass(frozen=True, slots=True)
class Processed:
    """A finished image, for tables.

    size and the sizes of outputs are in bytes; seconds is the time in the worker, turnaround that from submission to
    result; finished_at is in seconds since the epoch.
    """

    path: str
    size: int
    width: int
    height: int
    worker: str
    seconds: float
    turnaround: float
    outputs: tuple[OutputFile, ...]
    finished_at: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be processed; reason is a sentence for the user."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of objects, by state."""

    pending: int
    done: int
    failed: int

    @property
    def total(self) -> int:
        return self.pending + self.done + self.failed
