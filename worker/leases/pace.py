"""How many tasks a worker holds in reserve, by how long its tasks take and how large they are."""

from __future__ import annotations

from filterfleet.worker.leases.settings import LONG, MEMORY, MOST_PREFETCH, RESERVE_BYTES, RESERVE_SECONDS


class Pace:
    """Follows the tasks of a worker with so many threads. prefetch is how many it holds in reserve at least, and until
    it knows them."""

    __slots__ = ("_bytes", "_prefetch", "_seconds", "_threads")

    def __init__(self, threads: int, prefetch: int) -> None:
        self._threads = threads
        self._prefetch = prefetch
        self._seconds = LONG  # of a task, lately
        self._bytes = 0.0  # of its image

    def came(self, tasks: int, size: int) -> None:
        """Images of `size` bytes in all have come with this number of tasks."""
        self._bytes += (size / tasks - self._bytes) * min(1.0, tasks / MEMORY)

    def worked(self, tasks: int, seconds: float) -> None:
        """Threads have spent this time on this number of tasks."""
        self._seconds += (min(LONG, seconds / tasks) - self._seconds) * min(1.0, tasks / MEMORY)

    def reserve(self, running: float = 0.0) -> int:
        """How many tasks to hold beyond those that threads run: a power of two, so that it changes rarely. running is
        how long the oldest task has been running, in seconds."""
        seconds = max(self._seconds, running, 1e-9)
        most = min(MOST_PREFETCH, RESERVE_SECONDS * self._threads / seconds, RESERVE_BYTES / max(1.0, self._bytes))
        return max(self._prefetch, 1 << int(most).bit_length() >> 1)
