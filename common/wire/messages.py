"""The vocabulary of the wire. Every message is a frozen value; codec.py turns it into frames and back.

A field called id names the work: a lease token between broker and worker, a job id between broker and client. The
broker relays a message by exchanging one for the other. Payload frames travel beside a message and never inside its
map, so that an image is copied as rarely as possible. NAME is what the map calls the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from filterfleet.common.payload import Blob
from filterfleet.common.payload import Payload as Payload
from filterfleet.common.wire.liveness import Randomness

READY = b"\x01"
HEARTBEAT = b"\x02"
PPX = b"PPX1"
TAG = b"fx1|"  # the routing id of a peer that speaks PPX begins with it

INLINE_LIMIT = 8 << 20  # bytes of payload in one multipart message
FRAME_LIMIT = INLINE_LIMIT + (1 << 20)  # bytes of one frame; a larger one costs its sender the connection
BLOB_LIMIT = 4 << 30  # bytes of the largest image or output that is moved at all
CHUNK = 1 << 20  # bytes that one GET asks for
NAMES_LIMIT = 1024  # filters that one message can name
LEASES_LIMIT = 4096  # leases that one heartbeat can name


def new_identity(rng: Randomness) -> bytes:
    """A routing id for one socket: tagged, fresh and unpredictable."""
    return TAG + rng.randbytes(16)


# --- RFC 6/PPP ----


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can take a request."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The peer is alive."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request or a reply of the RFC: address stack (empty from a REQ client), delimiter, body frames."""

    stack: tuple[bytes, ...]
    body: tuple[Payload, ...]


# --- PPX: broker to its peers ----


@dataclass(frozen=True, slots=True)
class Hello:
    """The broker holds nothing of the peer: leases are void, and a client submits its jobs again.

    life identifies this run of the broker, session this registration. interval is the time between heartbeats in
    seconds, and a peer that misses `missed` of them in a row is dead. inline_limit is in bytes.
    """

    NAME: ClassVar[str] = "HELLO"

    life: bytes
    session: bytes
    interval: float
    missed: int
    inline_limit: int


@dataclass(frozen=True, slots=True)
class Task:
    """Run this recipe within timeout seconds.

    Without payload, the worker pulls the blob "", of size bytes. opaque: the payload is the body of a basic client's
    request, which is answered with one frame. alone: the task may kill its process, so nothing else may run there
    meanwhile.
    """

    NAME: ClassVar[str] = "TASK"

    id: bytes
    recipe: bytes
    size: int
    timeout: float
    opaque: bool = False
    alone: bool = False
    payload: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the job."""

    NAME: ClassVar[str] = "ACCEPTED"

    id: bytes


@dataclass(frozen=True, slots=True)
class Busy:
    """The broker has no room for the job; submit it again after retry_after seconds."""

    NAME: ClassVar[str] = "BUSY"

    id: bytes
    retry_after: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the fleet can do now: the names of its filters, and its number of threads."""

    NAME: ClassVar[str] = "CATALOGUE"

    filters: tuple[str, ...]
    threads: int


@dataclass(frozen=True, slots=True)
class Status:
    """The answer to a status request: a map of plain values."""

    NAME: ClassVar[str] = "STATUS"

    report: Mapping[str, Any]


# --- PPX: workers to the broker ----


@dataclass(frozen=True, slots=True)
class Credit:
    """slots is how many leases the worker wants to hold in all, threads how many of them it runs at once."""

    NAME: ClassVar[str] = "CREDIT"

    slots: int
    threads: int
    filters: tuple[str, ...]
    host: str
    version: str


@dataclass(frozen=True, slots=True)
class Nack:
    """The worker hands the lease back and has dropped the work. Nobody is to blame."""

    NAME: ClassVar[str] = "NACK"

    id: bytes


@dataclass(frozen=True, slots=True)
class Drain:
    """Send no more work. The worker will finish what is leased."""

    NAME: ClassVar[str] = "DRAIN"


# --- PPX: clients to the broker ----


@dataclass(frozen=True, slots=True)
class Submit:
    """A job. needs are the filters that its worker must have. Lower priority numbers go first.

    outputs are the names that its result must have, in order, and largest the bytes of the largest output that may
    come; without names, nobody on the way can check a result.
    """

    NAME: ClassVar[str] = "SUBMIT"

    id: bytes
    recipe: bytes
    needs: tuple[str, ...]
    priority: int
    size: int
    payload: tuple[Payload, ...] = ()
    outputs: tuple[str, ...] = ()
    largest: int = BLOB_LIMIT


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Asks for a STATUS."""

    NAME: ClassVar[str] = "STATUSREQUEST"


# --- PPX: relayed or symmetric ----


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output of a result: its name, its image format and its size in bytes."""

    name: str
    format: str
    size: int


@dataclass(frozen=True, slots=True)
class Result:
    """The work is done.

    The payload is one frame for each output, in order, or nothing: then each output is pulled by its name. A result
    that an application gets as its outcome always has a blob for each output; those that were pulled are in files.
    """

    NAME: ClassVar[str] = "RESULT"

    id: bytes
    outputs: tuple[OutputFile, ...]
    report: Mapping[str, Any]
    payload: tuple[Blob, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The work failed. A permanent failure would be the same anywhere and at any time. reason is a sentence."""

    NAME: ClassVar[str] = "FAILED"

    id: bytes
    kind: Literal["permanent", "transient"]
    reason: str


@dataclass(frozen=True, slots=True)
class ResultOk:
    """The result or failure has arrived and may be forgotten."""

    NAME: ClassVar[str] = "RESULTOK"

    id: bytes


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody wants this work any more."""

    NAME: ClassVar[str] = "CANCEL"

    id: bytes


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat of a PPX peer: the session it believes in and, from a worker, the leases it holds.

    waiting are those leases whose image has arrived and whose work has not begun; their time does not run yet.
    """

    NAME: ClassVar[str] = "BEAT"

    session: bytes
    leases: tuple[bytes, ...] = ()
    waiting: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Get:
    """Send length bytes at offset of a blob. "" is the image of the task; an output goes by its name."""

    NAME: ClassVar[str] = "GET"

    id: bytes
    blob: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Data:
    """Part of a blob: the answer to GET."""

    NAME: ClassVar[str] = "DATA"

    id: bytes
    blob: str
    offset: int
    payload: tuple[Payload, ...]


Message = (
    Hello
    | Task
    | Accepted
    | Busy
    | Catalogue
    | Status
    | Credit
    | Nack
    | Drain
    | Submit
    | StatusRequest
    | Result
    | Failed
    | ResultOk
    | Cancel
    | Beat
    | Get
    | Data
)
