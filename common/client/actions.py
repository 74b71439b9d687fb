"""The actions of a client's core, beside those of every peer in common.wire.actions."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from filterfleet.common import wire
from filterfleet.common.wire.actions import Discard, Open, Send, Store


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """Send this part of the job's image as DATA: the part, or what is read when the image is not in memory."""

    get: wire.Get
    part: wire.Payload | None = None


class Deliver(Struct, frozen=True, gc=False):
    """The job has this outcome. blobs are the numbers of its stored outputs, in order, and belong to the application
    from now on; there are none when the outcome has its own payload."""

    job: bytes
    outcome: wire.Result | wire.Failed
    blobs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tell:
    """News of the fleet."""

    message: wire.Catalogue | wire.Status | wire.Hello


Action = Open | Send | Store | Discard | ReadBlob | Deliver | Tell
