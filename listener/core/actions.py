"""The actions that the listener's core asks of its shell. A list of actions is executed in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct, field

from filterfleet.common.payload import Blob, OpenFile
from filterfleet.common.wire import Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.sidecar import About


class List(Struct, frozen=True):
    """List the whole source; ends in Listed. There is one at a time."""

    urgent: ClassVar[bool] = True  # it may find fresh uploads


class Glance(Struct, frozen=True):
    """See at most this many objects of the source, soon; ends in Glanced. It goes before a List."""

    objects: int
    urgent: ClassVar[bool] = True


class Look(Struct, frozen=True):
    """See which of these paths are in the source, and as which versions; ends in Looked. There is one at a time, and it
    does not wait for a listing that is under way."""

    paths: frozenset[str]
    urgent: ClassVar[bool] = True


class Load(Struct, frozen=True):
    """Read this version of an object; ends in Loaded, Refused or TransferFailed. urgent: before ordinary work."""

    path: str
    version: Version
    urgent: bool


class Submit(Struct, frozen=True):
    """Give an image to the engine; ends in Ended or SourceChanged. size is the image's in bytes; a lower priority
    number goes first. path is the object's if the recipe mentions it: other objects of the job differ in nothing that
    it mentions."""

    job: bytes
    size: int
    image: Blob
    priority: int
    urgent: bool
    path: str = ""


class Write(Struct, frozen=True):
    """Write the outputs of a path, to be published; ends in Written or TransferFailed. about: with a sidecar."""

    path: str
    result: Result
    urgent: bool
    about: About | None = None


class Copy(Struct, frozen=True):
    """Write the outputs of `original`, which has the same content, for a path, to be published; ends in Copied or
    TransferFailed. The result describes the outputs, without their bytes."""

    path: str
    original: str
    result: Result
    urgent: ClassVar[bool] = False


class Publish(Struct, frozen=True):
    """Put everything that was written for these paths in its place, durably; ends in Published. There is one at a
    time."""

    paths: tuple[str, ...]
    urgent: ClassVar[bool] = True


class Tell(Struct, frozen=True):
    """Record a failure at the output, with a copy of the image if with_image; ends in Told or TransferFailed."""

    path: str
    version: Version
    reason: str
    with_image: bool
    urgent: ClassVar[bool] = False


class Clear(Struct, frozen=True):
    """Remove the failure of an earlier version from the output; ends in Cleared or TransferFailed."""

    path: str
    urgent: ClassVar[bool] = False


class TakeAway(Struct, frozen=True):
    """Have this version leave the source as its user wishes; ends in TakenAway or TransferFailed."""

    path: str
    version: Version
    urgent: ClassVar[bool] = False


class Acknowledge(Struct, frozen=True):
    """The engine may forget this job: its outcome is durable in the ledger."""

    job: bytes


class Close(Struct, frozen=True):
    """Nobody needs these bytes any more: close the file that they are in."""

    blob: OpenFile


class Note(Struct, frozen=True):
    """A line for the log. level is info, warning or error."""

    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Answer(Struct, frozen=True):
    """An order has been carried out, and its effect is durable: it concerned this many objects."""

    id: str
    count: int


Transfer = List | Glance | Look | Load | Write | Copy | Publish | Tell | Clear | TakeAway
Action = Transfer | Submit | Acknowledge | Close | Note | Answer
