"""What the broker's process takes beyond what its core knows of: the queues of libzmq.

libzmq shows a message when its last frame has arrived, and keeps the others until then. Its options limit the bytes of
a frame and the number of messages; none limits the frames of a message that does not end, and none says who sends it.
So when too much memory is in nobody's books, everybody is hung up on, as often as it takes: the broker is soft state,
honest peers come back and say again what was lost.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

INTERVAL = 0.1  # seconds between two looks
SETTLE = 0.5  # seconds for libzmq to give memory back after its sockets were closed

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
        if not self._is_over(known):
            return False
        give_back()
        if not self._is_over(known):
            return False
        self._next_look = now + SETTLE
        return True

    def _is_over(self, known: int) -> bool:
        return resident() > self._limit + known


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
