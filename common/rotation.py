"""Keeps logs small that other processes append to.

A child's standard error is a file that its supervisor has opened, and a child may be several processes, most of which
may open no file. So none of them can go on to another file: the supervisor copies what is there and empties the log.
Lines that are written between the two are lost, which takes a few microseconds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

from filterfleet.common.private import FILE

# Bytes of a log, and how many older ones are kept beside it. More: the logs reach further back. Less: they take less of
# the disk.
LIMIT, KEPT = 10 << 20, 3

# Seconds between two looks at the sizes. More: a flood of lines grows further beyond the limit. Less: more calls of the
# file system.
LOOK = 5.0


class Rotation:
    """Of logs that are opened for appending. One process alone may have the rotation of a log."""

    def __init__(self, logs: Sequence[Path], limit: int = LIMIT, kept: int = KEPT) -> None:
        self._logs = logs
        self._limit = limit
        self._kept = kept
        self._next_look = 0.0

    def look(self) -> None:
        """To be called often. Trouble with the disk is left for the next time."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        for log in self._logs:
            with contextlib.suppress(OSError):
                if log.stat().st_size > self._limit:
                    self._rotate(log)

    def _rotate(self, log: Path) -> None:
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                _older(log, number).rename(_older(log, number + 1))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with FileIO(os.open(_older(log, 1), flags, FILE), "wb") as copy, log.open("r+b") as whole:
            shutil.copyfileobj(whole, copy)
            whole.truncate(0)


def _older(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
