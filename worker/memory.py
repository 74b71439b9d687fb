"""The memory a process gives to images: who wants more than is free waits in line."""

from __future__ import annotations

import collections
import contextlib
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

RESERVE = 1 << 30  # bytes of a process beyond its images: the interpreter, libraries, threads, compressed files


class Memory:
    """total is in bytes. First come, first served, so that a large image is not starved by small ones."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = threading.Condition()
        self._queue: collections.deque[object] = collections.deque()

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait until so many bytes are free, and have them until the end of the block. More than the total counts as
        the total: alone, anything gets its try."""
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
    """Bytes for the images of each of so many processes: half of what this machine or control group has."""
    return max(64 << 20, _installed() // 2 // processes)


def confine(total: int) -> None:
    """Let the kernel refuse this process what is far beyond total bytes for images: a file that tricks a decoder then
    gets an error, and the machine stays alive."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = total + RESERVE
    if soft == resource.RLIM_INFINITY or wanted < soft:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _installed() -> int:
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # "max", or no such hierarchy
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical
