"""The vocabulary of the wire. Every message is a frozen value; codec.py turns it into frames and back.

A field called id names the work: a lease token between broker and worker, a job id between broker and
client. The broker relays by exchanging the one for the other. Payload frames travel beside a message,
never inside its map, so that an image is copied as rarely as possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from filterfleet.common.blob import Blob
from filterfleet.common.blob import Payload as Payload
from filterfleet.common.wire.liveness import Randomness

READY = b"\x01"
HEARTBEAT = b"\x02"
PPX = b"PPX1"
TAG = b"fx1|"  # a routing id that starts so belongs to a peer that speaks PPX

INLINE_LIMIT = 8 << 20  # bytes of payload that one multipart message carries at most
FRAME_LIMIT = INLINE_LIMIT + (1 << 20)  # bytes of one frame; a larger one costs its sender the connection
BLOB_LIMIT = 4 << 30  # bytes of the largest image or output that is moved at all
CHUNK = 1 << 20  # bytes asked for by one GET
NAMES_LIMIT = 1024  # filters one message can name
LEASES_LIMIT = 4096  # leases one heartbeat can name


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
    """I hold nothing of yours: leases are void, submissions are to be repeated.

    life identifies this run of the broker, session this registration; interval is seconds between
    heartbeats and missed how many of them mean death; inline_limit is in bytes.
    """

    life: bytes
    session: bytes
    interval: float
    missed: int
    inline_limit: int


@dataclass(frozen=True, slots=True)
class Task:
    """Run this recipe within timeout seconds. No payload: pull size bytes of blob "". opaque: the
    payload is the body of a basic client, and the answer is one frame for it. alone: it may be the end of
    its process, where nothing else is to run beside it."""

    id: bytes
    recipe: bytes
    size: int
    timeout: float
    opaque: bool = False
    alone: bool = False
    payload: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    id: bytes


@dataclass(frozen=True, slots=True)
class Busy:
    """The queue is full; submit again after so many seconds."""

    id: bytes
    retry_after: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the fleet can do now: names of filters, number of threads."""

    filters: tuple[str, ...]
    threads: int


@dataclass(frozen=True, slots=True)
class Status:
    """Answer to a status request: a map of plain values."""

    report: Mapping[str, Any]


# --- PPX: workers to the broker ----


@dataclass(frozen=True, slots=True)
class Credit:
    """How many leases this worker wants to hold in all, and how many of them it runs at a time."""

    slots: int
    threads: int
    filters: tuple[str, ...]
    host: str
    version: str


@dataclass(frozen=True, slots=True)
class Nack:
    """The lease is handed back, whatever was begun is dropped; nobody is to blame."""

    id: bytes


@dataclass(frozen=True, slots=True)
class Drain:
    """Send no more work; what is leased will be finished."""


# --- PPX: clients to the broker ----


@dataclass(frozen=True, slots=True)
class Submit:
    """needs are the filters a worker must have; a lower priority number goes first."""

    id: bytes
    recipe: bytes
    needs: tuple[str, ...]
    priority: int
    size: int
    payload: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusRequest:
    pass


# --- PPX: relayed or symmetric ----


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output of a result: name, image format, size in bytes."""

    name: str
    format: str
    size: int


@dataclass(frozen=True, slots=True)
class Result:
    """The work is done. One payload frame an output, in order, or none: then each is pulled by its name.

    What the application gets as outcome has every output: those that were pulled are in files.
    """

    id: bytes
    outputs: tuple[OutputFile, ...]
    report: Mapping[str, Any]
    payload: tuple[Blob, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    id: bytes
    kind: Literal["permanent", "transient"]
    reason: str


@dataclass(frozen=True, slots=True)
class ResultOk:
    """The result (or failure) has arrived and may be forgotten."""

    id: bytes


@dataclass(frozen=True, slots=True)
class Cancel:
    id: bytes


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat of a PPX peer: the session it believes in and, from a worker, the leases it holds.

    waiting are those of them whose image is here and whose work has not begun: their time does not run yet.
    """

    session: bytes
    leases: tuple[bytes, ...] = ()
    waiting: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Get:
    """Send length bytes at offset of a blob: "" is the image of the task, else the name of an output."""

    id: bytes
    blob: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Data:
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
