"""The command line that `ps` shows for a process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_ARG_START, _ARG_END = 47, 48  # fields of /proc/PID/stat, counted from 0: see proc_pid_stat(5)


def set_title(title: str) -> None:
    """Show title as the command line of this process, as much of it as the present one has room for (Linux)."""
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return
    fields = stat[stat.rindex(")") + 2 :].split()  # from field 2 on: a name in parentheses may hold anything
    start, end = int(fields[_ARG_START - 2]), int(fields[_ARG_END - 2])
    if room := end - start:
        # The byte at the end has to stay zero, or the kernel takes the environment for a part of the title.
        ctypes.memmove(start, os.fsencode(title)[: room - 1].ljust(room, b"\0"), room)
