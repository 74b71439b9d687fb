"""What a client may have on its way to the broker, so that neither the network nor anybody's memory fills with what
will be refused.

Submissions without an answer fit into a window of so many jobs and bytes. A refusal (BUSY) closes it to a single job,
the probe, and every job that is accepted opens it by one: slow start (V. Jacobson, "Congestion Avoidance and Control",
SIGCOMM 1988; RFC 5681, 3.1), with BUSY in place of the lost segment.

An image over SMALL that was refused is not sent a second time: its job is submitted without it, and the worker that
gets the job pulls it. How many bytes of our images the broker has room for is learnt from its refusals, by additive
increase and multiplicative decrease; beyond that, images are pulled from the start.
"""

from __future__ import annotations

JOBS = 4096  # on their way at most: several full messages
BYTES = 32 << 20  # of images on their way at most: what a gigabit link takes in a quarter of a second
SMALL = 64 << 10  # bytes of an image that is cheaper to send again than to have pulled
GROWTH = 16  # so many bytes of images that have come to an outcome let the broker hold one more


class Flow:
    """The window of one session with one broker. Instants are of one monotonic clock, in seconds."""

    __slots__ = ("_bytes", "_held", "_jobs", "_limit", "_wait_priority", "_wait_until", "_window")

    def __init__(self) -> None:
        self._window = JOBS
        self._jobs = 0  # on their way
        self._bytes = 0  # with them
        self._held = 0  # bytes of images that were sent along, and whose jobs have no outcome
        self._limit = float("inf")  # of these
        self._wait_until = float("-inf")
        self._wait_priority = 0  # and what is more urgent than this need not wait

    def carries(self, size: int, *, lean: bool = False) -> bool:
        """Whether an image of so many bytes should travel with its job; lean: only if that is cheaper than a pull."""
        return size <= SMALL or (not lean and self._held + size <= self._limit)

    def is_open(self, priority: int, size: int, now: float) -> bool:
        """Whether a job may be sent now, with an image of so many bytes."""
        if now < self._wait_until and priority >= self._wait_priority:
            return False
        return self._jobs == 0 or (self._jobs < self._window and self._bytes + size <= BYTES)

    def sent(self, size: int) -> None:
        self._jobs += 1
        self._bytes += size
        self._held += size

    def answered(self, size: int) -> None:
        """It is no longer on its way: there was an answer, or it was lost."""
        self._jobs -= 1
        self._bytes -= size

    def accepted(self, now: float) -> None:
        if self._wait_until <= now:
            self._window = min(self._window + 1, JOBS)

    def refused(self, priority: int, size: int, retry_at: float, now: float) -> None:
        """An image over SMALL can be offered again at once, without its bytes; only what is refused without them tells
        that the broker takes no jobs at all."""
        self._held -= size
        self._window = 1
        if size > SMALL:
            self._limit = self._held / 2
        elif self._wait_until <= now:
            self._wait_until, self._wait_priority = retry_at, priority
        else:
            self._wait_priority = min(self._wait_priority, priority)

    def forgotten(self, size: int) -> None:
        """The broker does not hold this image, after all."""
        self._held -= size

    def ended(self, image: int) -> None:
        """A job with an image of so many bytes has come to its end, and has made room."""
        self._limit += image / GROWTH
