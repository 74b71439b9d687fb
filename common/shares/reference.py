"""What a task says instead of carrying its image, and what a result says instead of carrying its outputs.

Both are sealed with the secret of a share, which its listener has left there in a file (room.py). So a worker works for
nobody who does not see the share, and a listener takes outputs from nobody who does not. The broker sees seals only.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Iterable
from typing import Annotated

import msgspec

from filterfleet.common.errors import ProtocolError
from filterfleet.common.shares.names import PATH_LIMIT, is_inside

SECRET_SIZE = 32  # bytes
REFERENCE_LIMIT = 8192  # bytes of a sealed reference
_SEAL = 32  # bytes, of SHA-256
_STEM = 16  # bytes
LEFT_SIZE = _STEM + _SEAL  # bytes

_Name = Annotated[str, msgspec.Meta(max_length=63)]
_Natural = Annotated[int, msgspec.Meta(ge=0)]


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """Where an image is: below the share `share`, a regular file of this size, modification time, inode and SHA-256.

    The outputs go to the folder `folder` in the room of the share `exchange`, whose secret seals the reference. kernel
    is the boot id of the listener's machine: what is written on the same machine is made durable by the listener.
    """

    share: _Name
    path: Annotated[bytes, msgspec.Meta(max_length=PATH_LIMIT)]
    size: _Natural
    mtime_ns: int
    inode: _Natural
    content: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    exchange: _Name
    folder: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    kernel: Annotated[str, msgspec.Meta(max_length=64)]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reference)


def seal(reference: Reference, secret: bytes) -> bytes:
    """The reference as it travels."""
    body = _encoder.encode(reference)
    return body + _seal(secret, b"reference", body)


def read(data: bytes) -> Reference:
    """A reference whose seal is still to be checked: its exchange says which share's secret that takes. Raises
    ProtocolError."""
    try:
        reference = _decoder.decode(data[:-_SEAL])
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"The reference cannot be read: {error}.") from None
    if not is_inside(path_of(reference)):
        raise ProtocolError("The path of the reference leads out of the share.")
    return reference


def path_of(reference: Reference) -> str:
    """The path of the image in the share, as Python's functions for files take it."""
    return reference.path.decode("utf-8", "surrogateescape")


def is_sealed(data: bytes, secret: bytes) -> bool:
    """Whether this reference was made by somebody who has the secret."""
    return hmac.compare_digest(data[-_SEAL:], _seal(secret, b"reference", data[:-_SEAL]))


def leave(stem: bytes, sizes: Iterable[int], data: bytes, secret: bytes) -> bytes:
    """What a result says of outputs with these sizes, in bytes, that lie under this stem. data is the sealed reference
    of its task."""
    return stem + _seal(secret, b"left", stem, data, _encoder.encode(list(sizes)))


def stem_of(left: bytes, sizes: Iterable[int], data: bytes, secret: bytes) -> bytes:
    """The stem of a result's outputs. Raises ProtocolError unless the result is the answer to this very reference, from
    somebody who has the secret."""
    stem = left[:_STEM]
    if not hmac.compare_digest(left, leave(stem, sizes, data, secret)):
        raise ProtocolError("The outputs in the share are not those of this task.")
    return stem


def file_name(stem: bytes, number: int) -> str:
    """The name of the output with this number, from 0 on, in the folder for outputs."""
    return f"{stem.hex()}-{number}"


def _seal(secret: bytes, *parts: bytes) -> bytes:
    """Each part with its length, so that no two lists of parts look alike."""
    code = _keyed(secret).copy()
    code.update(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return code.digest()


@functools.lru_cache(maxsize=8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Copied for each seal, which does without giving up the interpreter's lock for a message of this size."""
    return hmac.new(secret, digestmod=hashlib.sha256)
