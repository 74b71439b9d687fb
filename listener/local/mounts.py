"""On which file system a folder is, and what was written there made durable: by one call where that can be trusted."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
from functools import cache
from pathlib import Path

# File systems whose syncfs() waits for everything, down to the disk's own cache, and reports what could not be
# written. Others may forward nothing (FUSE) or report nothing (overlays).
_WHOLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs"})
_FIRST_LINUX = (5, 8)  # the first one whose syncfs() reports errors

_MOUNT = re.compile(r"^mnt_id:\s*(\d+)", re.MULTILINE)


def mount_of(descriptor: int) -> int:
    """A number that two open folders share if files can be renamed between them."""
    with contextlib.suppress(OSError):  # without /proc
        if found := _MOUNT.search(Path(f"/proc/self/fdinfo/{descriptor}").read_text()):
            return int(found[1])
    return os.fstat(descriptor).st_dev


def is_whole(mount: int) -> bool:
    """Whether sync_all() can be trusted with this mount."""
    if _syncfs() is None:
        return False
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            if before.split(" ", 1)[0] == str(mount):
                return after.split(" ", 1)[0] in _WHOLE
    return False


def sync_all(descriptor: int) -> None:
    """Make everything durable that was written to a file system. descriptor: a folder of it, open for reading since
    before the first write, because errors from before it was opened are not reported. Raises OSError."""
    call = _syncfs()
    assert call is not None
    if call(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def sync_file(name: str, folder: int) -> None:
    """Make one file durable. Raises OSError."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: int) -> None:
    """Make the names in a folder durable, where its file system can do that and we may read it. Raises OSError."""
    try:
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


@cache
def _syncfs() -> ctypes._FuncPointer | None:
    """The C library's syncfs(), where it exists and reports errors."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if os.uname().sysname != "Linux" or release is None or tuple(map(int, release.groups())) < _FIRST_LINUX:
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    call.argtypes = [ctypes.c_int]
    return call
