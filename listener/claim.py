"""One process at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from filterfleet.common.errors import FleetError


def claim(file: Path, doing: str, remedy: str) -> TextIO:
    """Hold the lock until what is returned is closed. Its folder is made.

    Raises FleetError when the file cannot be had, and when another process has it: that "Another listener is", doing
    what the caller wants to do, and that the user may stop it or else do what remedy says.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("w")
    except OSError as error:
        raise FleetError(f"The folder {file.parent} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FleetError(f"Another listener is {doing}: stop it, or {remedy}.") from None
    return lock
