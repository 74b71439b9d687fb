"""What Linux tells of processes."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path


def high_water(pid: int) -> int:
    """The most bytes of memory that a process has had in use so far (VmHWM of proc(5)), or 0 when it has ended."""
    with contextlib.suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far, to the nanosecond, or 0 when it has ended.

    This is the clock that clock_getcpuclockid(3) finds. Hundredths of seconds, as proc(5) has them, are too coarse for
    a few tasks.
    """
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs; none when it has ended."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found
