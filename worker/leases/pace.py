"""How many leases a worker wants, by how long its tasks take and how large they are."""

from __future__ import annotations

from filterfleet.worker.leases.actions import Profile
from filterfleet.worker.leases.settings import LONG, MEMORY, MOST_PREFETCH, RESERVE_BYTES, RESERVE_SECONDS

SMALL = RESERVE_BYTES // MOST_PREFETCH  # bytes of an image that any reserve has room for


class Pace:
    """Follows the tasks of one broker. `slots` is what to ask for: one task for each thread, and a reserve, which is a
    power of two beyond the worker's prefetch, so that it changes rarely."""

    __slots__ = ("_bytes", "_prefetch", "_seconds", "_threads", "slots")

    def __init__(self, profile: Profile) -> None:
        self.slots = profile.slots
        self._threads = profile.threads
        self._prefetch = profile.prefetch
        self._seconds = LONG  # of a task, lately
        self._bytes = 0.0  # of its image

    def came(self, tasks: int, size: int) -> None:
        """Images of `size` bytes in all have come with this number of tasks."""
        self._bytes += (size / tasks - self._bytes) * min(1.0, tasks / MEMORY)

    def worked(self, tasks: int, seconds: float) -> None:
        """Threads have spent this time on this number of tasks."""
        self._seconds += (min(LONG, seconds / tasks) - self._seconds) * min(1.0, tasks / MEMORY)

    def grows(self) -> bool:
        """Whether the tasks have become so short that the worker wants more of them."""
        before = self.slots
        self.slots = max(before, self._wanted(0.0))
        return self.slots > before

    def shrinks(self, running: float) -> bool:
        """Whether the tasks have become so long, or so large, that the worker wants fewer. running is for how many
        seconds the oldest task has been running."""
        before = self.slots
        self.slots = min(before, self._wanted(running))
        return self.slots < before

    def _wanted(self, running: float) -> int:
        seconds = max(self._seconds, running, 1e-9)
        most = min(MOST_PREFETCH, RESERVE_SECONDS * self._threads / seconds, RESERVE_BYTES / max(1.0, self._bytes))
        return self._threads + max(self._prefetch, 1 << int(most).bit_length() >> 1)
