"""A file that somebody else has written for us, in a scratch folder: a blob that can be moved instead of copied."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading

from filterfleet.common.blob import FileBlob

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW


class LeftFile(FileBlob):
    """Any thread may call any method. close() removes the file unless it has been moved."""

    def __init__(self, folder: int, name: str, mode: int) -> None:
        """folder: the descriptor of its folder, where only processes of this user can change anything, and which stays
        open. mode: what the file gets when it is moved.

        Raises OSError unless it is a regular file of this user that has no other name.
        """
        # Not open_file(), which looks before it opens: nobody else can have put something here that acts on that.
        descriptor = os.open(name, _READ, dir_fd=folder)
        found = os.fstat(descriptor)
        super().__init__(descriptor, found.st_size)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            super().close()
            raise PermissionError(errno.EPERM, "it is not a file of this user alone")
        self._folder = folder
        self._name = name
        self._mode = mode
        self._moved = False
        self._lock = threading.Lock()

    def move_to(self, folder: int, name: str, *, durable: bool) -> bool:
        """Give the file this name in another folder, and its mode. It can still be read.

        durable: it survives a power cut; else the caller sees to that. False: it has to be copied, since it has been
        moved before, is gone, or lies on another file system. Raises OSError.
        """
        with self._lock:
            if self._moved:
                return False
            os.fchmod(self.fileno(), self._mode)
            if durable:
                os.fsync(self.fileno())
            try:
                os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.EXDEV, errno.ENOENT):
                    return False
                raise
            self._moved = True
            return True

    def close(self) -> None:
        with self._lock:
            if not self._moved:
                with contextlib.suppress(OSError):
                    os.unlink(self._name, dir_fd=self._folder)
            self._moved = True
            super().close()
