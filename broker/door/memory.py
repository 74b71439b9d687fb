"""What the broker's process takes beyond what its core knows of: the queues of libzmq.

libzmq shows a message when its last frame has arrived, and keeps the others until then. Its options limit the bytes of
a frame and the number of messages; none limits the frames of a message that does not end, and none says who sends it.
So when too much memory is in nobody's books, everybody is hung up on, as often as it takes: the broker is soft state,
honest peers come back and say again what was lost.
"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

INTERVAL = 0.2  # seconds between two looks; the parts of a message that does not end wake nobody up
SETTLE = 2.0  # seconds for libzmq to give memory back after its sockets were closed
SHORTLY = 0.02  # seconds between two looks meanwhile

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")  # of Linux; elsewhere nothing is watched


class MemoryWatch:
    """spare is how many bytes may be in nobody's books."""

    def __init__(self, spare: int) -> None:
        self._limit = resident() + spare
        self._next_look = 0.0

    def exceeded(self, known: int, now: float) -> bool:
        """Whether to hang up on everybody, when the core knows of so many bytes."""
        if now < self._next_look:
            return False
        self._next_look = now + INTERVAL
        return self._is_over(known) and self._is_over_after_all(known)

    def settle(self, known: int) -> None:
        """Wait until the memory of closed sockets has been given back: libzmq does that on a thread of its own."""
        deadline = time.monotonic() + SETTLE
        while self._is_over(known) and self._is_over_after_all(known) and time.monotonic() < deadline:
            time.sleep(SHORTLY)

    def _is_over(self, known: int) -> bool:
        return resident() > self._limit + known

    def _is_over_after_all(self, known: int) -> bool:
        give_back()
        return self._is_over(known)


def resident() -> int:
    """Bytes of memory that this process takes now."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def give_back() -> None:
    """Have malloc return what is free between what is in use, where it can: otherwise its free memory looks taken."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
