"""The bytes of a file: in memory when they are few, else in a file without a name that ends with its last user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Self

Payload = bytes | memoryview

STEP = 1 << 20  # bytes moved at a time


class FileBlob:
    """Bytes in an anonymous temporary file (in $TMPDIR), or in the file of a descriptor, which is closed in the end.

    Reads and writes may come from several threads. The space is free as soon as nobody holds the object.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """Raises OSError."""
        self._descriptor = _nameless() if descriptor is None else descriptor
        self._size = os.fstat(self._descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):  # there was one to be had
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closing twice does no harm."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1

    def __reduce__(self) -> tuple[Callable[[bytes], FileBlob], tuple[bytes]]:
        """Pickled by content, all of which is in memory until it has been read again, as a file, at the other end."""
        return _from_bytes, (self.read(0, self._size),)

    def fileno(self) -> int:
        return self._descriptor

    def read(self, offset: int, length: int) -> bytes:
        """At most length bytes; fewer at the end. Raises OSError."""
        parts = []
        while length > 0 and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, data: Payload) -> None:
        """Raises OSError, when the disk is full for instance."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        self._size = max(self._size, offset)

    def append(self, data: Payload) -> None:
        self.write(self._size, data)


Blob = Payload | FileBlob


def read(blob: Blob, offset: int, length: int) -> Payload:
    """Part of a blob, shorter at its end. Raises OSError."""
    return blob.read(offset, length) if isinstance(blob, FileBlob) else memoryview(blob)[offset : offset + length]


def whole(blob: Blob) -> Payload:
    """All of a blob, in memory. Raises OSError."""
    return blob.read(0, len(blob)) if isinstance(blob, FileBlob) else blob


def parts(blob: Blob) -> Iterator[Payload]:
    """All of a blob, in order and a little at a time. Raises OSError."""
    return (read(blob, offset, STEP) for offset in range(0, len(blob), STEP))


def stowed(blob: Blob, limit: int) -> Blob:
    """The same bytes in memory, or in a file when there are more than limit. Raises OSError."""
    if len(blob) <= limit:
        return whole(blob)
    return blob if isinstance(blob, FileBlob) else _from_bytes(blob)


def _nameless() -> int:
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def _from_bytes(data: Payload) -> FileBlob:
    blob = FileBlob()
    blob.append(data)
    return blob
