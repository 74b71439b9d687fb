"""What a listener does now, in a file of its state folder: for `status`, `health` and the page.

The file is written on change, at most once a second, and appears whole. Whether its listener still runs is told by the
lock that a listener holds on its box of orders, which the kernel releases with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import file_in, folder_in, own_folder
from filterfleet.common.words import Contact, Counts
from filterfleet.listener.orders.box import ORDERS, TAKEN
from filterfleet.listener.state import digest

PRESENT = "present"  # in the state folder
_ENDING = ".json"
LIMIT = 1 << 20  # bytes of a file


class Present(msgspec.Struct, frozen=True):
    """Instants are seconds since the epoch. threads: those of the fleet. waits: what is waited for, in words. says: all
    of this in a sentence. per_minute: images that were done or failed in the last minute."""

    source: str
    output: str
    listener: str  # host/process
    version: str
    began_at: float
    written_at: float
    contact: Contact
    counts: Counts
    per_minute: float
    threads: int
    waits: tuple[str, ...]
    paused: bool
    says: str


class Known(NamedTuple):
    """What the file of a listener says, and whether that listener runs."""

    present: Present
    runs: bool


class PresentFile:
    """Where the listener of a source writes its own. Raises FleetError when it is not ours."""

    def __init__(self, state: Path, source: str) -> None:
        self._name = f"{digest(source)}{_ENDING}"
        self._path = state / PRESENT / self._name
        with own_folder(state) as home:
            self._folder = folder_in(home, PRESENT, state / PRESENT)

    def close(self) -> None:
        os.close(self._folder)

    def write(self, present: Present) -> None:
        """A full disk costs this version, and nothing else."""
        hidden = f".{self._name}"
        with contextlib.suppress(OSError, FleetError):
            descriptor = file_in(self._folder, hidden, self._path.with_name(hidden))
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, msgspec.json.encode(present))
            finally:
                os.close(descriptor)
            os.rename(hidden, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)


def known(state: Path) -> list[Known]:
    """What the listeners of a state folder do now, or did when they ended. Nothing is written, and a file that cannot
    be read is left out."""
    try:
        files = [file for file in sorted((state / PRESENT).iterdir()) if file.suffix == _ENDING]
    except OSError:
        return []
    told = [(present, file.stem) for file in files if file.name[0] != "." and (present := _read(file)) is not None]
    return [Known(present, _runs(state, name)) for present, name in told]


def _read(file: Path) -> Present | None:
    with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return msgspec.json.decode(os.read(descriptor, LIMIT), type=Present)
        finally:
            os.close(descriptor)
    return None


def _runs(state: Path, name: str) -> bool:
    try:
        lock = os.open(state / ORDERS / name / TAKEN, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
