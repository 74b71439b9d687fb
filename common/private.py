"""Folders and files that only this user can read: a ledger and logs tell names, places and reasons."""

from __future__ import annotations

import contextlib
import os
import stat
from io import FileIO
from pathlib import Path

FOLDER, FILE = 0o700, 0o600  # modes
GROUP_READ = "FILTERFLEET_ALLOW_GROUP_READ"  # environment: 1 if the groups of this process may read its secrets


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it, or close one that is ours and open to others. Raises OSError."""
    folder.mkdir(FOLDER, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # a link, or a file system without modes
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            close_to_others(descriptor, FOLDER)
        finally:
            os.close(descriptor)


def open_log(file: Path) -> FileIO:
    """A log to append to. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE)
    close_to_others(descriptor, FILE)
    return FileIO(descriptor, "ab")


def close_to_others(descriptor: int, mode: int) -> None:
    """Take from others what this mode does not give them, if the file or folder is ours. A file system without modes
    changes nothing. A folder keeps its set-group-ID bit: results begin in a folder of ours, and the group that its user
    has chosen for them is inherited there."""
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        mode |= stat.S_ISGID
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & ~mode:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & mode)
