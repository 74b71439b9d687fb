"""The memory that a process gives to images, and the line in which images wait for it."""

from __future__ import annotations

import collections
import contextlib
import resource
import threading
from collections.abc import Iterator

from filterfleet.common.process.system import memory
from filterfleet.worker.settings import LEAST_MEMORY, MEMORY_PARTS, RESERVE


class Memory:
    """total is in bytes. First come, first served, so that small images cannot starve a large one."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = threading.Condition()
        self._queue: collections.deque[object] = collections.deque()

    @property
    def held(self) -> int:
        """Bytes that images hold."""
        return self.total - self._free

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return len(self._queue)

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Waits until amount bytes are free, and holds them until the end of the block. More than the total counts as
        the total, so that any image gets its try, alone.
        """
        amount = min(amount, self.total)
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._queue[0] is ticket and self._free >= amount)
            self._queue.popleft()
            self._free -= amount
            self._changed.notify_all()  # the next in line may fit beside this one
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


def share(processes: int) -> int:
    """Bytes for the images of each process. Together the processes take 1/MEMORY_PARTS of the machine's memory, or of
    their control group's.
    """
    return max(LEAST_MEMORY, memory() // MEMORY_PARTS // processes)


def confine(total: int) -> None:
    """Makes the kernel refuse this process memory far beyond total bytes, which are for images. A file that tricks a
    decoder then gets an error, and the machine stays alive.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = total + RESERVE
    if soft == resource.RLIM_INFINITY or wanted < soft:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
