"""Waiting for file descriptors."""

from __future__ import annotations

import math
import select
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int:
        """The number of a file descriptor."""


def readable(seconds: float, *files: HasFileno) -> set[int]:
    """The descriptors of those files that can be read without blocking, or have ended; waits up to seconds for one.

    With poll(2), because select(2) refuses descriptors above 1023: a listener may have far more images open.
    """
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(math.ceil(seconds * 1000))}
