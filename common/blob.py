"""The bytes of a file: in memory when they are few, else in a file without a name that ends with its last user."""

from __future__ import annotations

import os
import tempfile
from typing import IO

from common.protocol import Payload


class FileBlob:
    """Bytes in an anonymous temporary file (in $TMPDIR). Reads and writes may come from several threads."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """At most length bytes; fewer at the end. Raises OSError."""
        parts = []
        while length > 0 and (part := os.pread(self._file.fileno(), length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, data: Payload) -> None:
        """Raises OSError, when the disk is full for instance."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
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
