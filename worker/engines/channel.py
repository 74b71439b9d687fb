"""A pipe to another process on this machine that passes large files as descriptors, not as bytes."""

from __future__ import annotations

import errno
import io
import os
import pickle
import socket
from multiprocessing.connection import Connection
from typing import Any

from filterfleet.common.blob import FileBlob
from filterfleet.worker.done import close_files


class Channel:
    """Wraps one end of a duplex multiprocessing.Pipe. Values are pickled, so both ends have to trust each other.

    A message consists of the number of files, their descriptors, and the pickle, in which numbers stand for the files.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def close(self) -> None:
        self._connection.close()

    def poll(self) -> bool:
        """Whether there is something to receive. Raises OSError."""
        return self._connection.poll()

    def send(self, value: object) -> None:
        """Sends a value. Its files stay open, and stay the sender's to close. Raises OSError when the other end is
        gone.
        """
        pickler = _Pickler(data := io.BytesIO())
        pickler.dump(value)
        self._connection.send_bytes(len(pickler.files).to_bytes(2, "big"))
        if pickler.files:
            with self._socket() as underneath:
                socket.send_fds(underneath, [b"F"], [file.fileno() for file in pickler.files])
        self._connection.send_bytes(data.getbuffer())

    def recv(self) -> Any:
        """Receives a value, whose files are the receiver's to close. Raises EOFError or OSError when the other end is
        gone, and OSError when this process may not open more files.
        """
        count = int.from_bytes(self._connection.recv_bytes(), "big")
        files: list[FileBlob] = []
        if count:
            with self._socket() as underneath:
                _, descriptors, _, _ = socket.recv_fds(underneath, 1, count)
            files = [FileBlob(descriptor) for descriptor in descriptors]
            if len(files) < count:  # the kernel drops descriptors that the process has no room for
                close_files(files)
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return _Unpickler(self._connection.recv_bytes(), files).load()

    def _socket(self) -> socket.socket:
        """The pipe as the socket that it is, with a descriptor of its own."""
        return socket.socket(fileno=os.dup(self._connection.fileno()))


class _Pickler(pickle.Pickler):
    def __init__(self, target: io.BytesIO) -> None:
        super().__init__(target, pickle.HIGHEST_PROTOCOL)
        self.files: list[FileBlob] = []

    def persistent_id(self, value: object) -> int | None:
        if not isinstance(value, FileBlob):
            return None
        self.files.append(value)
        return len(self.files) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, files: list[FileBlob]) -> None:
        super().__init__(io.BytesIO(data))
        self._files = files

    def persistent_load(self, number: int) -> FileBlob:
        return self._files[number]
