"""The actions of a worker's session, beside those of every peer in common.wire.actions, and the values that go in."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from filterfleet.common import wire
from filterfleet.common.payload import Blob, OpenFile, Payload
from filterfleet.common.wire.actions import Discard, Open, Send, Store


@dataclass(frozen=True, slots=True)
class Profile:
    """What this worker offers. prefetch is how many tasks it holds beyond those that its threads run. largest_image is
    in bytes of the image file. shares: it can look for images in shares."""

    threads: int
    prefetch: int
    filters: tuple[str, ...]
    host: str
    version: str
    largest_image: int
    shares: bool = False

    @property
    def slots(self) -> int:
        return self.threads + self.prefetch

    def credit(self, slots: int) -> wire.Credit:
        """What to tell a broker, with the present number of slots."""
        return wire.Credit(slots, self.threads, self.filters, self.host, self.version, wire.MINOR)


@dataclass(frozen=True, slots=True)
class SendFrames:
    """Send a message of the RFC behind the messages before it."""

    frames: tuple[Payload, ...]


class Run(Struct, frozen=True, gc=False):
    """Process this image within timeout seconds; 0 means the worker's own limit.

    image is the file, or the number of the blob that holds it, which belongs to the shell from now on. An opaque task
    has the body of a basic client as its image, and wants one blob back. Nothing else may run in this process beside a
    task that is to be alone. With a reference there is no image yet: it is to be looked for in a share, and if that is
    in vain, on_not_shared() has it pulled.
    """

    lease: bytes
    recipe: bytes
    image: Payload | int
    timeout: float
    opaque: bool = False
    alone: bool = False
    reference: bytes = b""


def run_of(task: wire.Task, image: Payload | int) -> Run:
    reference = task.reference if image == b"" else b""
    return Run(task.id, task.recipe, image, task.timeout, task.opaque, task.alone, reference)


def joined(body: tuple[Payload, ...]) -> Payload:
    """One image of all frames."""
    return body[0] if len(body) == 1 else b"".join(body)


@dataclass(frozen=True, slots=True)
class Abandon:
    """Do not begin this task. If it has begun, its outcome is worth nothing."""

    lease: bytes


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """Read this part of an output and send it as DATA; call on_unreadable() when that fails."""

    get: wire.Get
    blob: Blob


@dataclass(frozen=True, slots=True)
class Close:
    """Close the file of an output: nobody will ask for it any more."""

    file: OpenFile


Action = Open | Send | SendFrames | Run | Abandon | Store | Discard | ReadBlob | Close
