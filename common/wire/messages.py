"""The vocabulary of the wire. Every message is a frozen value; codec.py turns it into frames and back.

A field called id names the work: a lease token between broker and worker, a job id between broker and client. The
broker relays a message by exchanging one for the other. Payload frames travel beside a message and never inside its
map, so that an image is copied as rarely as possible: in the map, `frames` is the number of them.

Messages whose names end with S carry many of a kind at once, in columns: what they share stands there once, and the
payloads of all of them are one frame. Only peers of minor version 1 know them. columns.py takes them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from filterfleet.common.payload import Blob
from filterfleet.common.payload import Payload as Payload
from filterfleet.common.wire import fields as f
from filterfleet.common.wire.fields import BLOB_LIMIT as BLOB_LIMIT
from filterfleet.common.wire.fields import INLINE_LIMIT as INLINE_LIMIT
from filterfleet.common.wire.fields import LEASES_LIMIT as LEASES_LIMIT
from filterfleet.common.wire.fields import ROWS_LIMIT as ROWS_LIMIT
from filterfleet.common.wire.fields import TRIES_LIMIT as TRIES_LIMIT
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.parts import Column as Column
from filterfleet.common.wire.parts import OutputFile as OutputFile
from filterfleet.common.wire.parts import Tries
from filterfleet.common.wire.parts import Try as Try

MAJOR, MINOR = 1, 1  # the version of PPX; a peer that tells no minor version speaks 0
READY, HEARTBEAT, PPX = b"\x01", b"\x02", b"PPX%d" % MAJOR
TAG = b"fx%d|" % MAJOR  # the routing id of a peer that speaks PPX begins with it
FRAME_LIMIT = INLINE_LIMIT + (1 << 20)  # bytes of one frame; a larger one costs its sender the connection
CHUNK = 1 << 20  # bytes that one GET asks for

if TYPE_CHECKING:
    Frames = tuple[Payload, ...]
    Blobs = tuple[Blob, ...]
    Report = Mapping[str, Any]
    Columns = Mapping[str, Sequence[Any]]
else:  # as they stand in the map; the codec puts the frames, and the checked report, in their places
    Frames = Blobs = int
    Report = Columns = msgspec.Raw


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


class _Message(Struct, frozen=True, gc=False, tag_field="type", tag=str.upper):
    """`NAME` is what the map calls the message. No circle leads through one, and the garbage collector, which would
    look at every one of a million again and again, does not know them."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of each class
        return type(self).__name__.upper()


# --- PPX: broker to its peers ----


class Hello(_Message, frozen=True):
    """The broker holds nothing of the peer: leases are void, and a client submits its jobs again.

    life identifies this run of the broker, session this registration. interval is the time between heartbeats in
    seconds, and a peer that misses `missed` of them in a row is dead. inline_limit is in bytes."""

    life: f.Id
    session: f.Session
    interval: f.Interval
    missed: f.Missed
    inline_limit: f.Size
    minor: f.Minor = 0


class Task(_Message, frozen=True):
    """Run this recipe within timeout seconds.

    Without payload, the worker pulls the blob "", of size bytes. opaque: the payload is the body of a basic client's
    request, which is answered with one frame. alone: the task may kill its process, so nothing else may run there
    meanwhile. reference: as in the client's SUBMIT.
    """

    id: f.Id
    recipe: f.Recipe
    size: f.Size
    timeout: f.Timeout
    opaque: bool = False
    alone: bool = False
    payload: Frames = field(default=(), name="frames")
    reference: f.Reference = b""


class Accepted(_Message, frozen=True):
    """The broker has the job."""

    id: f.Id


class Busy(_Message, frozen=True):
    """The broker has no room for the job; submit it again after retry_after seconds."""

    id: f.Id
    retry_after: f.Wait


class Catalogue(_Message, frozen=True):
    """What the fleet can do now: the names of its filters, and its number of threads."""

    filters: f.Names
    threads: f.FleetThreads


class Status(_Message, frozen=True):
    """The answer to a status request: a map of plain values."""

    report: Report


# --- PPX: workers to the broker ----


class Credit(_Message, frozen=True):
    """slots is how many leases the worker wants to hold in all, threads how many of them it runs at once."""

    slots: f.Slots
    threads: f.Threads
    filters: f.Names
    host: f.Host
    version: f.Version
    minor: f.Minor = 0


class Nack(_Message, frozen=True):
    """The worker hands the lease back and has dropped the work. Nobody is to blame."""

    id: f.Id


class Drain(_Message, frozen=True):
    """Send no more work. The worker will finish what is leased."""


# --- PPX: clients to the broker ----


class Submit(_Message, frozen=True):
    """A job. needs are the filters that its worker must have. Lower priority numbers go first.

    outputs are the names that its result must have, in order, and largest the bytes of the largest output that may
    come; without names, nobody on the way can check a result. reference: where it is in a share (common.shares).
    """

    id: f.Id
    recipe: f.Recipe
    needs: f.Names
    priority: f.Priority
    size: f.Size
    payload: Frames = field(default=(), name="frames")
    outputs: f.OutputNames = ()
    largest: f.Size = BLOB_LIMIT
    reference: f.Reference = b""


class StatusRequest(_Message, frozen=True):
    """Asks for a STATUS."""


# --- PPX: relayed or symmetric ----


class Result(_Message, frozen=True):
    """The work is done.

    The payload is one frame for each output, in order, or nothing: then each output is pulled by its name. A result
    that an application gets as its outcome has a blob for each output, unless `left` says where they lie in a share.
    tries are the broker's, the latest last.
    """

    id: f.Id
    outputs: Annotated[tuple[OutputFile, ...], Meta(max_length=f.OUTPUTS_LIMIT)]
    report: Report
    payload: Blobs = field(default=(), name="frames")
    left: f.Left = b""
    tries: Tries = ()


class Failed(_Message, frozen=True):
    """The work failed. A permanent failure would be the same anywhere and at any time. reason is a sentence. The broker
    names the worker that was the last to try, as its CREDIT did, and the tries before, the latest last."""

    id: f.Id
    kind: f.Kind
    reason: f.Reason
    worker: f.Host = ""
    tries: Tries = ()


class ResultOk(_Message, frozen=True):
    """The result or failure has arrived and may be forgotten."""

    id: f.Id


class Cancel(_Message, frozen=True):
    """Nobody wants this work any more."""

    id: f.Id


class Beat(_Message, frozen=True):
    """The heartbeat of a PPX peer: the session it believes in and, from a worker, the leases it holds.

    waiting are those leases whose image has arrived and whose work has not begun; their time does not run yet.
    """

    session: f.Session
    leases: f.Ids = ()
    waiting: f.Ids = ()
    minor: f.Minor = 0


class Get(_Message, frozen=True):
    """Send length bytes at offset of a blob. "" is the image of the task; an output goes by its name."""

    id: f.Id
    blob: f.Name
    offset: f.Size
    length: f.Length


class Data(_Message, frozen=True):
    """Part of a blob: the answer to GET."""

    id: f.Id
    blob: f.Name
    offset: f.Size
    payload: Frames = field(name="frames")


# --- PPX 1.1: many at once ----


class Submits(_Message, frozen=True):
    """Jobs with everything in common but their images, which all travel along: sizes[n] bytes for ids[n]."""

    ids: f.RowIds
    recipe: f.Recipe
    needs: f.Names
    priority: f.Priority
    sizes: f.Sizes
    payload: Frames = field(default=(), name="frames")
    outputs: f.OutputNames = ()
    largest: f.Size = BLOB_LIMIT


class Accepteds(_Message, frozen=True):
    """The broker has these jobs."""

    ids: f.RowIds


class Tasks(_Message, frozen=True):
    """Tasks of one recipe with their images; none of them is opaque or alone."""

    ids: f.RowIds
    recipe: f.Recipe
    sizes: f.Sizes
    timeout: f.Timeout
    payload: Frames = field(default=(), name="frames")


class Results(_Message, frozen=True):
    """Results with the same outputs, all of which travel along.

    sizes and the payload go result by result: the outputs of the first, then those of the second. report maps each
    key to a list with one value for each result.
    """

    ids: f.RowIds
    outputs: Annotated[tuple[Column, ...], Meta(max_length=f.OUTPUTS_LIMIT)]
    sizes: f.Sizes
    report: Columns
    payload: Frames = field(default=(), name="frames")


class ResultOks(_Message, frozen=True):
    """These results or failures have arrived and may be forgotten."""

    ids: f.RowIds


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
    | Submits
    | Accepteds
    | Tasks
    | Results
    | ResultOks
)
