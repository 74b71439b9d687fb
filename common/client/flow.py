"""How much a client has on its way to the broker, so that neither the network nor any memory fills with jobs that will
be refused.

Submissions without an answer fit into a window of jobs and bytes. A refusal (BUSY) closes the window to a single job,
the probe, and every accepted job opens it by one. That is slow start (V. Jacobson, "Congestion Avoidance and Control",
SIGCOMM 1988; RFC 5681, 3.1), with BUSY in place of the lost segment.

An image over SMALL_IMAGE that was refused is not sent again: its job is submitted without it, and the worker that gets
the job pulls the image. The client learns from refusals how many bytes of its images the broker has room for, by
additive increase and multiplicative decrease. Images beyond that are pulled from the start.
"""

from __future__ import annotations

from filterfleet.common.client import settings


class Flow:
    """The window of one session with one broker. Instants are of one monotonic clock, in seconds; sizes are in
    bytes."""

    __slots__ = ("_bytes", "_held", "_jobs", "_limit", "_wait_priority", "_wait_until", "_window")

    def __init__(self) -> None:
        self._window = settings.FIRST_JOBS
        self._jobs = 0  # on their way
        self._bytes = 0  # of the images that travel with these jobs
        self._held = 0  # of images that were sent along and whose jobs have no outcome yet
        self._limit = float("inf")  # for _held
        self._wait_until = float("-inf")
        self._wait_priority = 0  # jobs that are more urgent than this do not wait

    def admit(self, priority: int, size: int, now: float, *, lean: bool) -> int | None:
        """Let a job be sent now, if it may: how many bytes of its image of this size travel with it. A lean job takes
        its image along only when a pull costs more. None when the job has to wait."""
        if now < self._wait_until and priority >= self._wait_priority:
            return None
        carried = size if size <= settings.SMALL_IMAGE or (not lean and self._held + size <= self._limit) else 0
        if self._jobs and (self._jobs >= self._window or self._bytes + carried > settings.WINDOW_BYTES):
            return None
        self._jobs += 1
        self._bytes += carried
        self._held += carried
        return carried

    def answered(self, jobs: int, size: int) -> None:
        """This number of jobs with images of this size in all are on their way no more: they have their answers, or
        were lost."""
        self._jobs -= jobs
        self._bytes -= size

    def accepted(self, jobs: int, now: float) -> None:
        if self._wait_until <= now:
            self._window = min(self._window + jobs, settings.WINDOW_JOBS)

    def refused(self, priority: int, size: int, retry_at: float, now: float) -> None:
        """An image over SMALL_IMAGE was refused for its bytes, so its job can be offered again at once without them.
        Only a refusal without such an image means that the broker takes no jobs at all."""
        self._held -= size
        self._window = 1
        if size > settings.SMALL_IMAGE:
            self._limit = self._held / 2
        elif self._wait_until <= now:
            self._wait_until, self._wait_priority = retry_at, priority
        else:
            self._wait_priority = min(self._wait_priority, priority)

    def forgotten(self, size: int) -> None:
        """The broker does not hold this image after all."""
        self._held -= size

    def ended(self, carried: int, image: int) -> None:
        """Jobs with images of this size in all have come to their end and made room. carried is what the broker held of
        them."""
        self._held -= carried
        self._limit += image / settings.GROWTH
