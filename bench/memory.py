"""The memory of a process."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path


def high_water(pid: int) -> int:
    """The most bytes of memory that a process has had in use so far (VmHWM of proc(5)), or 0 when it has ended."""
    with contextlib.suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) * 1024
    return 0
