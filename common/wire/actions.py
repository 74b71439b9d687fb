"""The actions that the core of a peer has its shell take, in order. Workers and clients have some more of their own."""

from __future__ import annotations

from msgspec import Struct

from filterfleet.common.payload import Payload
from filterfleet.common.wire.messages import Message


class Open(Struct, frozen=True):
    """Close the socket, if there is one, and connect a new one under this routing id to the broker of this number."""

    identity: bytes
    broker: int = 0


class Send(Struct, frozen=True):
    message: Message


class Store(Struct, frozen=True):
    """Write data at offset of a blob, then call on_stored(), or on_unstorable() when that fails.

    The core gives each blob a number, and uses a blob only when all of it has been reported as stored.
    """

    blob: int
    offset: int
    data: Payload


class Discard(Struct, frozen=True):
    """Nobody needs this blob any more. There may be nothing stored of it."""

    blob: int
