"""One writer for an output: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from common.errors import FleetError


def claim(file: Path, output: str) -> TextIO:
    """Hold the lock until what is returned is closed. Raises OSError, and FleetError when another process holds it."""
    lock = file.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FleetError(f"Another listener is writing to {output}: stop it, or choose another --output.") from None
    return lock
