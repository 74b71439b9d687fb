"""The bytes of an image or an output: in memory when they are few, else in a temporary file without a name.

Each file has one owner, who closes it: a worker's threads close the image that they were given, a lease and a pull
close their files when they end, and an application closes the outputs that were delivered to it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from typing import Self

from filterfleet.common.payload import Blob as Blob
from filterfleet.common.payload import OpenFile
from filterfleet.common.payload import Payload as Payload

STEP = 1 << 20  # bytes that parts() reads at once
BUFFER = 1 << 18  # bytes that pass_to() reads at once: they stay in the processor's cache

_own = threading.local()  # the buffer of each thread


class FileBlob(OpenFile):
    """Bytes in an anonymous temporary file (in $TMPDIR), or in the file of a descriptor, which the object then owns.

    Reads and writes may come from several threads. close() frees the space; reading and writing raise OSError after it.
    The kernel frees the space of an anonymous file when its process dies, and a finalizer does when the last reference
    is dropped. That finalizer is silent on purpose: libvips and futures may hold an outcome in a reference cycle after
    its owner has failed, and such an owner cannot close anything.
    """

    def __init__(self, descriptor: int | None = None, size: int | None = None) -> None:
        """size: of the descriptor's file, in bytes, if it is known. Raises OSError."""
        self._descriptor = _nameless() if descriptor is None else descriptor
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._close.atexit = False  # daemon threads may still be using the file then
        self._size = os.fstat(self._descriptor).st_size if size is None else size

    def __len__(self) -> int:
        return self._size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[bytes], FileBlob], tuple[bytes]]:
        """Pickled by content. All of it is in memory until the other end has written it to a file again."""
        return _from_bytes, (self.read(0, self._size),)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Closing twice does no harm. Nobody may be reading or writing meanwhile."""
        self._descriptor = -1  # a late reader gets EBADF, not the file that has this number next
        self._close()

    def read(self, offset: int, length: int) -> bytes:
        """At most length bytes; fewer at the end. Raises OSError."""
        parts = []
        while length > 0 and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_into(self, buffer: bytearray, offset: int) -> int:
        """Fill a buffer, and return how many bytes were read: fewer at the end. Raises OSError."""
        return os.preadv(self._descriptor, [buffer], offset)

    def write(self, offset: int, data: Payload) -> None:
        """Raises OSError, for instance when the disk is full."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        self._size = max(self._size, offset)

    def append(self, data: Payload) -> None:
        self.write(self._size, data)


class BlobStore:
    """The blobs that arrive in parts, for the shell of a core: each has a number that the core has given it.

    new_file makes an empty file and may raise OSError.
    """

    def __init__(self, new_file: Callable[[], FileBlob] = FileBlob) -> None:
        self._new_file = new_file
        self._files: dict[int, FileBlob] = {}

    def __len__(self) -> int:
        """How many have a file."""
        return len(self._files)

    def store(self, number: int, offset: int, data: Payload) -> None:
        """Write one part; the first one makes the file. Raises OSError."""
        file = self._files.get(number)
        if file is None:
            file = self._files[number] = self._new_file()
        file.write(offset, data)

    def take(self, number: int) -> Blob:
        """The blob, which belongs to the caller from now on. One that was never written to is empty."""
        file = self._files.pop(number, None)
        return b"" if file is None else file

    def discard(self, number: int) -> None:
        """Close the file, if there is one."""
        if (file := self._files.pop(number, None)) is not None:
            file.close()

    def close(self) -> None:
        for number in list(self._files):
            self.discard(number)


def read(blob: Blob, offset: int, length: int) -> Payload:
    """Part of a blob; shorter at its end. Raises OSError."""
    return blob.read(offset, length) if isinstance(blob, OpenFile) else memoryview(blob)[offset : offset + length]


def whole(blob: Blob) -> Payload:
    """All of a blob, in memory. Raises OSError."""
    return blob.read(0, len(blob)) if isinstance(blob, OpenFile) else blob


def parts(blob: Blob) -> Iterator[Payload]:
    """All of a blob, in order, in parts of STEP bytes. Raises OSError."""
    return (read(blob, offset, STEP) for offset in range(0, len(blob), STEP))


def stowed(blob: Blob, limit: int) -> Blob:
    """The same bytes in memory, or in a file when there are more than limit. Raises OSError."""
    if len(blob) <= limit:
        return whole(blob)
    return blob if isinstance(blob, OpenFile) else _from_bytes(blob)


def _nameless() -> int:
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def _from_bytes(data: Payload) -> FileBlob:
    blob = FileBlob()
    blob.append(data)
    return blob


def pass_to(use: Callable[[Payload], object], blob: Blob) -> None:
    """Call use() with all of a blob, in order, in parts that change when it has returned. Raises OSError.

    A buffer that is used again takes half the processor time of parts(), whose memory is new for each part.
    """
    if not isinstance(blob, FileBlob):
        for part in parts(blob):
            use(part)
        return
    buffer: bytearray | None = getattr(_own, "buffer", None)
    if buffer is None:
        buffer = _own.buffer = bytearray(BUFFER)
    view, offset = memoryview(buffer), 0
    while count := blob.read_into(buffer, offset):
        use(view[:count])
        offset += count


def sha256_of(blob: Blob) -> bytes:
    """The SHA-256 of all bytes. Raises OSError."""
    digest = hashlib.sha256()
    pass_to(digest.update, blob)
    return digest.digest()


def checksum(blob: Blob) -> int:
    """The CRC-32 of all bytes: it finds damage, not malice. Raises OSError."""
    value = 0

    def add(part: Payload) -> None:
        nonlocal value
        value = zlib.crc32(part, value)

    pass_to(add, blob)
    return value
