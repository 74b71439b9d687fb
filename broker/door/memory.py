"""Watches the memory that the broker's process takes beyond what its core knows of: the queues of libzmq.

libzmq shows a message when its last frame has arrived, and keeps the others until then. Its options limit the bytes of
a frame and the number of messages. None limits the frames of a message that does not end, and none says who sends it.
So when too much memory is in nobody's books, the broker closes all connections, as often as necessary. It is soft
state: honest peers come back and repeat what was lost.
"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from filterfleet.broker.settings import MEMORY_INTERVAL, SETTLE_PAUSE, SETTLE_TIME

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")  # Linux has it; elsewhere nothing is watched


class MemoryWatch:
    """Lets `spare` bytes, beside what the process takes now, be in nobody's books."""

    def __init__(self, spare: int) -> None:
        self._limit = resident() + spare
        self._next_look = 0.0

    def exceeded(self, known: int, now: float) -> bool:
        """Whether to close all connections, given the bytes that the core knows of."""
        if now < self._next_look:
            return False
        self._next_look = now + MEMORY_INTERVAL
        return self._is_over(known) and self._is_over_after_trim(known)

    def settle(self, known: int) -> None:
        """Wait until the memory of closed sockets has been given back: libzmq does that on a thread of its own."""
        deadline = time.monotonic() + SETTLE_TIME
        while self._is_over(known) and self._is_over_after_trim(known) and time.monotonic() < deadline:
            time.sleep(SETTLE_PAUSE)

    def _is_over(self, known: int) -> bool:
        return resident() > self._limit + known

    def _is_over_after_trim(self, known: int) -> bool:
        give_back()
        return self._is_over(known)


def resident() -> int:
    """Bytes of memory that this process takes now; 0 where that cannot be known."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def give_back() -> None:
    """Have malloc return its free memory to the system, where it can. Until then that memory looks taken."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
