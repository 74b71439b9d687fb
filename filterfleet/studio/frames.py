"""The messages between the studio and its process: msgpack maps, each behind its length in 4 bytes."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgpack

from filterfleet.common.errors import FleetError

LENGTH = struct.Struct(">I")
LIMIT = 256 << 20  # bytes of a message: a photograph, or the pictures of a result


class BrokenError(FleetError):
    """What came is no message."""


class UnsendableError(FleetError):
    """What was asked for cannot be a message."""


def packed(message: dict[str, Any]) -> bytes:
    """A message as it travels. Raises UnsendableError for what msgpack does not have."""
    try:
        body: bytes = msgpack.packb(message)
    except (OverflowError, ValueError):
        raise UnsendableError(
            "A number takes more than 64 bits, lists are nested too deeply, or a text is none."
        ) from None
    return LENGTH.pack(checked(len(body))) + body


def unpacked(body: bytes) -> dict[str, Any]:
    """Raises BrokenError for bytes that are no map: the process that sent them may have been taken over."""
    try:
        found = msgpack.unpackb(body, max_ext_len=0)
    except (ValueError, msgpack.UnpackException, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BrokenError("The process that decodes photographs said something that is no answer.")
    return found


def checked(length: int) -> int:
    if length > LIMIT:
        raise BrokenError(f"A picture of over {LIMIT >> 20} MiB is too large for the studio.")
    return length


def read(file: BinaryIO) -> dict[str, Any]:
    """The next message from a pipe. Raises EOFError at its end."""
    (length,) = LENGTH.unpack(_exactly(file, LENGTH.size))
    return unpacked(_exactly(file, checked(length)))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data
