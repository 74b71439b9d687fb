"""A lock that one process holds at a time, and that the kernel releases when the process ends, however it ends."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from filterfleet.common.errors import FleetError
from filterfleet.common.private import FOLDER


def claim(file: Path, doing: str, remedy: str) -> TextIO:
    """Lock file, whose folder is made, until the returned object is closed.

    Raises FleetError when the file cannot be opened, and when another process holds the lock. The second message reads
    "Another listener is {doing}: stop it, or {remedy}."
    """
    try:
        file.parent.mkdir(FOLDER, parents=True, exist_ok=True)
        lock = file.open("w")
    except OSError as error:
        raise FleetError(f"The folder {file.parent} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FleetError(f"Another listener is {doing}: stop it, or {remedy}.") from None
    return lock
