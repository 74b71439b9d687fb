"""A watch on one folder alone, through inotify(7): whether its name still leads to it, and whether others could be
watched as well."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_MOVED_OR_GONE = 0x400 | 0x800  # IN_DELETE_SELF and IN_MOVE_SELF; that it is unmounted is reported in any case
_CREATED = 0x100  # IN_CREATE, for a watch that is removed at once
_EVENT = struct.Struct("iIII")  # the watch, what happened, a cookie, and the length of the name that follows

_libc = ctypes.CDLL(None, use_errno=True)


class Sentinel:
    """Of one folder. For one thread at once."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, also when the system has no more such watches."""
        self._folder = folder
        self._identity = _identity(folder)
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            self._watch = self._add(folder, _MOVED_OR_GONE)
        except OSError:
            os.close(self._descriptor)
            raise

    def close(self) -> None:
        os.close(self._descriptor)

    def is_quiet(self) -> bool:
        """Whether nothing has happened to the folder itself since the last call."""
        return self._watch not in set(self._events()) and _identity(self._folder) == self._identity

    def can_watch_more(self) -> bool:
        """Whether the system would watch one more folder."""
        try:
            watch = self._add(Path("/"), _CREATED)
        except OSError as error:
            return error.errno != errno.ENOSPC
        _libc.inotify_rm_watch(self._descriptor, watch)
        return True

    def _add(self, folder: Path, mask: int) -> int:
        return _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask))

    def _events(self) -> Iterator[int]:
        """The watches that something was reported for."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._descriptor, 1 << 16):
                offset = 0
                while offset < len(data):
                    watch, _, _, length = _EVENT.unpack_from(data, offset)
                    offset += _EVENT.size + length
                    yield watch


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
