"""Files below a source folder, for a listener that may read more than those who write into the folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.opening import inside_of, open_below, open_file, opened, opened_below
from filterfleet.listener.core.scan import MOST, Version

# Errors that concern one file as long as its folder can be listed. All others say that the whole place is in trouble.
_OF_ONE_FILE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.EBUSY, errno.ETXTBSY),
        *(errno.EAGAIN, errno.EINVAL, errno.EISDIR, errno.ENXIO, errno.ENODATA, errno.EUCLEAN, errno.EBADMSG),
        errno.EOVERFLOW,
    }
)


class Inside:
    """What can be reached below root without leaving it. links: links out of it are followed as well."""

    def __init__(self, root: Path, *, links: bool) -> None:
        self.root = root
        self.links = links

    def open(self, path: str) -> int:
        """A descriptor for reading a file. Raises OSError; LinkError for a link that leads out."""
        return open_file(self.root / path) if self.links else open_below(self.root, path)

    @contextlib.contextmanager
    def folder(self, path: str, *, make: bool = False, read: bool = False) -> Iterator[int]:
        """A descriptor of a folder. Links to folders are never followed. Raises OSError."""
        with opened(self.root) as root, opened_below(root, path, make=make, read=read) as descriptor:
            yield descriptor

    def leads_out(self, path: str) -> bool:
        """Whether the link with this path is one that is not followed."""
        return not self.links and inside_of(self.root, path) is None

    def is_of_one_file(self, error: OSError) -> bool:
        """Whether an error at one file says nothing about the others."""
        if error.errno not in _OF_ONE_FILE:
            return False
        try:
            with os.scandir(self.root) as entries:
                next(entries, None)
        except OSError:
            return False
        return True


def version_of(found: os.stat_result) -> Version | None:
    """None for anything but a regular file."""
    if not stat.S_ISREG(found.st_mode):
        return None
    inode = found.st_ino if found.st_ino <= MOST else found.st_ino - 2 * (MOST + 1)
    ctime_ns = found.st_ctime_ns if 0 < found.st_ctime_ns <= MOST else 0
    return Version(found.st_size, found.st_mtime_ns, "", ctime_ns, inode)
