"""Messages in another major version of PPX, and the notice by which a broker tells what it speaks.

Three things are the same in all versions. The routing id of a peer begins with `fx`, its major version and `|`. The
frames of its messages begin with `""` and `PPX` with that number. A notice has the frames `""`, `PPX` and a map, which
every version can read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire.messages import MAJOR, PPX, TAG, Payload

NOTICE = b"PPX"
NOTICE_LIMIT = 1024  # bytes of its map
LONGEST = len("PPX999")
_NAME = re.compile(rb"PPX([1-9][0-9]{0,2})")
_TAG = re.compile(rb"fx([1-9][0-9]{0,2})\|")


class Notice(Struct, frozen=True):
    """Its sender speaks this major version."""

    speaks: Annotated[int, Meta(ge=1, le=999)]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Notice).decode


def notice() -> list[Payload]:
    """The frames that say what we speak."""
    return [b"", NOTICE, _pack(Notice(MAJOR))]


def foreign(frames: Sequence[Payload], peer: bytes = TAG) -> int | None:
    """The major version that a message is in if it is not ours, or that its sender announces; None for a message in
    ours or in none. peer: the sender's routing id, which only a broker knows.

    Raises ProtocolError for a notice that cannot be read.
    """
    if not peer.startswith(TAG):
        announced = _TAG.match(peer)
        return int(announced[1]) if announced else None
    if len(frames) < 2 or frames[1] == PPX or len(frames[0]) or len(frames[1]) > LONGEST:
        return None
    name = bytes(frames[1])
    if name == NOTICE:
        speaks = _read(frames[2:]).speaks
        return speaks if speaks != MAJOR else None
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def _read(frames: Sequence[Payload]) -> Notice:
    if len(frames) != 1 or len(frames[0]) > NOTICE_LIMIT:
        raise ProtocolError(f"a notice has one map of at most {NOTICE_LIMIT} bytes")
    try:
        return _unpack(frames[0])
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise ProtocolError(f"the map of a notice is not what it should be: {error}") from None
