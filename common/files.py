"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.blob import STEP, Blob, FileBlob, parts
from filterfleet.common.left import LeftFile
from filterfleet.common.opening import opened

ORDINARY = 0o666  # the mode of a new file, of which the umask takes its share


def write_atomically(target: Path, data: Blob, scratch: Path) -> None:
    """Write data to a file in scratch (on the same filesystem), make it durable, then rename it to target.

    A reader of target sees the old file or the new one and never a part, even after a power cut. Missing parent folders
    are made. Raises OSError. It leaves no temporary file behind unless the process dies, so the owner of scratch calls
    sweep() when it starts.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    with opened(target.parent) as folder, opened(scratch) as temporary:
        write_into(folder, target.name, data, temporary)


def write_into(folder: int, name: str, data: Blob, scratch: int, *, like: os.stat_result | None = None) -> None:
    """write_atomically() for a name in a folder. folder and scratch are descriptors of folders.

    like: as for write_new(). No link is followed, and one that has the name is replaced.
    """
    temporary = write_new(scratch, data, like=like)
    try:
        os.rename(temporary, name, src_dir_fd=scratch, dst_dir_fd=folder)
    except BaseException:
        remove(temporary, scratch)
        raise


def write_new(folder: int, data: Blob, *, like: os.stat_result | None = None, durable: bool = True) -> str:
    """Write data to a new file in a folder, and return its name, which is random. Raises OSError, and leaves no file
    then.

    like: the file that data comes from. The new file then gives nobody a right that this one does not give. durable:
    what was written survives a power cut; else the caller sees to that. A file that was left for us is moved here.
    """
    name = os.urandom(8).hex()  # the target's own name may already be 255 bytes long
    if isinstance(data, LeftFile) and data.move_to(folder, name, durable=durable):
        return name
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    mode = ORDINARY if like is None else ORDINARY & like.st_mode
    descriptor = os.open(name, flags, mode, dir_fd=folder)
    try:
        try:
            if like is not None:
                _restrict(descriptor, like)
            _fill(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)  # some file systems tell only now that there was no room
    except BaseException:
        remove(name, folder)
        raise
    return name


def remove(name: str, folder: int) -> None:
    """Remove a file of ours if it is there and can be removed."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _fill(descriptor: int, data: Blob) -> None:
    """Write data to an empty file, without the holes of a sparse one."""
    if not isinstance(data, FileBlob):
        for part in parts(data):
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        return
    for begin, end in _ranges(data.fileno(), len(data)):
        for offset in range(begin, end, STEP):
            view, place = memoryview(data.read(offset, min(STEP, end - offset))), offset
            while view:
                written = os.pwrite(descriptor, view, place)
                view, place = view[written:], place + written
    os.ftruncate(descriptor, len(data))


def _restrict(descriptor: int, like: os.stat_result) -> None:
    """Take from a new file's group what the group of `like` may, unless it is the same group."""
    found = os.fstat(descriptor)
    if found.st_gid == like.st_gid:
        return
    try:
        os.fchown(descriptor, -1, like.st_gid)
    except OSError:  # we are not in that group: ours gets what everybody gets
        os.fchmod(descriptor, found.st_mode & ~0o070 | (found.st_mode & 0o007) << 3)


def _ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that hold data, each from its first byte to the byte behind it."""
    end = 0
    while end < size:
        try:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole comes
                return
            raise
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        yield begin, min(end, size)


def sweep(scratch: Path) -> None:
    """Remove the files that a killed process left in its scratch folder."""
    if scratch.is_dir():
        with opened(scratch) as folder:
            sweep_folder(folder)


def sweep_folder(folder: int) -> None:
    """sweep() for the descriptor of a folder. What is no file is left where it is."""
    listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        for name in os.listdir(listing):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(name, dir_fd=folder)
    finally:
        os.close(listing)
