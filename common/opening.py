"""The one way to open files and folders that others can name or replace.

Nothing here waits. Everything but a regular file is an error: a named pipe, a socket, a device. So is a file that
somebody has a lease on. Where links are not wanted, none is followed, neither at the end of a path nor in its middle.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

Name = str | os.PathLike[str]

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFileError(OSError):
    """It is neither a regular file nor a link. strerror says what it is."""

    def __init__(self, mode: int) -> None:
        if stat.S_ISDIR(mode):
            super().__init__(errno.EISDIR, os.strerror(errno.EISDIR))
        else:
            kind = _KINDS.get(stat.S_IFMT(mode), "something else")
            super().__init__(errno.EINVAL, f"it is not a file but {kind}")


class LinkError(OSError):
    """There is a link where none is followed. name: the path as far as the link, with the link."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.ELOOP, f"{name} is a link")
        self.name = name


def open_file(name: Name, *, folder: int | None = None, links: bool = True) -> int:
    """A descriptor for reading a regular file.

    A relative name starts at folder, the descriptor of a folder, or else at the working directory. links: whether links
    are followed; if not, name has no folders in it. Raises NotAFileError, LinkError, other OSErrors, and ValueError for
    a name that no file can have.
    """
    _regular(os.stat(name, dir_fd=folder, follow_symlinks=links), name)  # some devices act as soon as they are opened
    descriptor = os.open(name, _READ if links else _READ | os.O_NOFOLLOW, dir_fd=folder)
    try:
        _regular(os.fstat(descriptor), name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_file(name: Name, limit: int, *, folder: int | None = None, links: bool = True) -> bytes:
    """The first limit bytes of a regular file; all of it when it is shorter. Raises what open_file() raises."""
    with os.fdopen(open_file(name, folder=folder, links=links), "rb") as file:
        return file.read(limit) or b""


def check_file(name: Name) -> os.stat_result:
    """What the system says about a regular file, or about the one that a link leads to. Raises what open_file()
    raises."""
    found = Path(name).stat()
    _regular(found, name)
    return found


def _regular(found: os.stat_result, name: Name) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise LinkError(os.fspath(name))
    if not stat.S_ISREG(found.st_mode):
        raise NotAFileError(found.st_mode)


# --- below a folder ----


@contextlib.contextmanager
def opened(folder: Name) -> Iterator[int]:
    """A descriptor of a folder that its user has named, for the functions here and for dir_fd. Raises OSError."""
    descriptor = os.open(folder, os.O_PATH | _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened_below(root: int, path: str, *, links: bool = False, make: bool = False, read: bool = False) -> Iterator[int]:
    """A descriptor of the folder with this path below root; root itself for an empty path.

    Each part of the path is opened on its own, so that none of them can be replaced by a link on the way. links: links
    to folders are followed all the same. make: missing folders are made. read: the folder can be listed through the
    descriptor. Raises LinkError and other OSErrors.
    """
    parts = [part for part in path.split("/") if part]
    descriptor = os.dup(root)
    try:
        for number, part in enumerate(parts, 1):
            try:
                inner = _step(descriptor, part, links=links, make=make, read=read and number == len(parts))
            except LinkError:
                raise LinkError("/".join(parts[:number])) from None
            os.close(descriptor)
            descriptor = inner
        if read and not parts:
            inner = os.open(".", os.O_RDONLY | _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _step(folder: int, name: str, *, links: bool, make: bool, read: bool) -> int:
    flags = (os.O_RDONLY if read else os.O_PATH) | _FOLDER | (0 if links else os.O_NOFOLLOW)
    if name in (".", ".."):
        raise LinkError(name)  # it may lead out as a link does
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    except NotADirectoryError:
        if not links and _is_link(name, folder):
            raise LinkError(name) from None
        raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    return _step(folder, name, links=links, make=False, read=read)


def _is_link(name: str, folder: int) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def open_below(root: Path, path: str) -> int:
    """open_file() for a path below root that never leads out of it.

    Links to folders are not followed. A file that is a link is followed if it leads to a place below root. Raises
    LinkError for one that leads out, and what open_file() raises.
    """
    try:
        return _open_strictly(root, path)
    except LinkError:
        if (inside := inside_of(root, path)) is None or inside == path:
            raise
        return _open_strictly(root, inside)


def inside_of(root: Path, path: str) -> str | None:
    """Where path leads when all links are followed, as a path below root. None when it leads out of root."""
    real_root = os.path.realpath(root).rstrip("/") + "/"
    real = os.path.realpath(f"{root}/{path}")
    return real.removeprefix(real_root) if real.startswith(real_root) else None


def _open_strictly(root: Path, path: str) -> int:
    folder, _, name = path.rpartition("/")
    with opened(root) as top, opened_below(top, folder) as below:
        return open_file(name, folder=below, links=False)
