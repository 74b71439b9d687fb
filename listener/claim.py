"""A lock that one process holds at a time, and that the kernel releases when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import file_in, own_folder

# Seconds between two looks at our own files while a listener runs. More: fewer calls of the file system. Less: a
# listener whose state was removed stops sooner.
LOOK = 1.0


class TakenError(FleetError):
    """Another process holds the lock."""


class Claim:
    """The lock on a file. It ends with close(), and with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def claim(file: Path, doing: str, remedy: str) -> Claim:
    """Lock file, whose folder is made. Both have to be our own (common.ours).

    Raises FleetError when the file cannot be opened, and TakenError when another process holds the lock. Its message
    reads "Another listener is {doing}: stop it, or {remedy}."
    """
    with own_folder(file.parent) as folder:
        return claim_in(folder, file, doing, remedy)


def claim_in(folder: int, file: Path, doing: str, remedy: str) -> Claim:
    """claim() in a folder that is open already: folder is its descriptor."""
    descriptor = file_in(folder, file.name, file)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise TakenError(f"Another listener is {doing}: stop it, or {remedy}.") from None
    return Claim(descriptor)


class Guard:
    """Notices that files of ours were removed or replaced while we run: what we write then is lost, and nothing keeps a
    second listener away."""

    def __init__(self, *files: Path) -> None:
        """The files exist, and are in use."""
        self._files = {file: _identity(file) for file in files}
        self._next = 0.0

    def look(self) -> None:
        """Raises FleetError when one of the files is gone or another one. Looks once in LOOK seconds at most."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK
        self.look_now()

    def look_now(self) -> None:
        """The same, at once."""
        for file, identity in self._files.items():
            if _identity(file) != identity:
                raise FleetError(
                    f"{file} was removed or replaced while it was in use, so this listener has stopped: "
                    "start it again, and stop it before you remove its folder."
                )


def _identity(file: Path) -> tuple[int, int] | None:
    """The file system and the number of the file with this name; None if there is none."""
    try:
        found = file.lstat()
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return None
        raise FleetError(f"{file} cannot be looked at: {error.strerror}.") from None
    return found.st_dev, found.st_ino
