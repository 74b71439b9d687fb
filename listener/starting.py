"""What a listener does before its loop runs: it may wait for a remote or a broker, or bring a large ledger up to date.

A file in the state folder says so, in words. It counts as long as its listener holds the lock on it, which the kernel
releases with the process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Self

import msgspec

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import file_in, folder_in, own_folder
from filterfleet.common.process.system import host_and_pid
from filterfleet.listener.present import LIMIT, PRESENT
from filterfleet.listener.state import digest

_ENDING = ".starting"
TRIES, PAUSE = 5, 0.01  # to get the lock, which somebody who looks holds for a moment, and seconds between two


class Start(msgspec.Struct, frozen=True):
    """says: what it does or waits for, in a sentence. began_at: seconds since the epoch."""

    source: str
    output: str
    listener: str  # host/process
    began_at: float
    says: str


class Starting:
    """A context manager: what is said is forgotten at the end, or earlier with over(). A folder that cannot be written
    costs what is said, and nothing else: whoever needs the folder tells of that."""

    def __init__(self, state: Path, source: str, output: str) -> None:
        self._state, self._name = state, f"{digest(source)}{_ENDING}"
        self._start = Start(source, output, host_and_pid(), time.time(), "")
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over()

    def say(self, words: str) -> None:
        data = msgspec.json.encode(msgspec.structs.replace(self._start, says=words))
        with contextlib.suppress(FleetError, OSError):
            if self._descriptor < 0:
                self._descriptor = self._opened()
            os.pwrite(self._descriptor, data, 0)
            os.ftruncate(self._descriptor, len(data))

    def over(self) -> None:
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            (self._state / PRESENT / self._name).unlink()
        os.close(self._descriptor)
        self._descriptor = -1

    def _opened(self) -> int:
        """Raises FleetError, and OSError when another listener that starts has the file."""
        shown = self._state / PRESENT
        with contextlib.ExitStack() as opening:
            home = opening.enter_context(own_folder(self._state))
            folder = folder_in(home, PRESENT, shown)
            opening.callback(os.close, folder)
            descriptor = file_in(folder, self._name, shown / self._name)
        for _ in range(TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(PAUSE)
            else:
                return descriptor
        os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, "another listener starts here")


def starting(state: Path) -> list[Start]:
    """The listeners of a state folder whose loops do not run yet. Nothing is written."""
    try:
        files = [file for file in sorted((state / PRESENT).iterdir()) if file.suffix == _ENDING]
    except OSError:
        return []
    return [start for file in files if (start := _read(file)) is not None]


def _read(file: Path) -> Start | None:
    """None if nobody holds the file, or if it cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            return msgspec.json.decode(os.read(descriptor, LIMIT), type=Start)
        finally:
            os.close(descriptor)
    return None
