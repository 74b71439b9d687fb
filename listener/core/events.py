"""The events that the listener's core handles. Every action that starts something ends in exactly one event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filterfleet.common.payload import Blob
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.core.order import Order
from filterfleet.listener.core.scan import Listing, Version


@dataclass(frozen=True, slots=True)
class Heard:
    """Something has happened to this path, or anywhere below the source when it is scan.ROOT."""

    path: str


@dataclass(frozen=True, slots=True)
class Listed:
    """List has ended: this is in the source."""

    listing: Listing


@dataclass(frozen=True, slots=True)
class Looked:
    """Look has ended: of the paths it asked for, these are in the source."""

    found: Mapping[str, Version]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Load has ended: the image's sha256 and its bytes."""

    path: str
    digest: bytes
    image: Blob


@dataclass(frozen=True, slots=True)
class Refused:
    """Load has ended: the file was read, but cannot be processed, for this reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Submit has ended: the engine's outcome of a job."""

    job: bytes
    outcome: Result | Failed


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """Submit has ended without an outcome: the image changed while the engine read it."""

    job: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """Write has ended; it took this many seconds."""

    path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Copied:
    """Copy has ended; found is False if the original's outputs were no longer there."""

    path: str
    found: bool


@dataclass(frozen=True, slots=True)
class Published:
    """Publish has ended: the outputs of its paths are in their places, and durable, but for those in trouble."""

    troubles: Mapping[str, Trouble]


@dataclass(frozen=True, slots=True)
class Told:
    """Tell has ended: the failure stands at the output."""

    path: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """Clear has ended: the output tells of no failure of this path."""

    path: str


@dataclass(frozen=True, slots=True)
class TakenAway:
    """TakeAway has ended: the object has left the source."""

    path: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a transfer failed, as a sentence for the user.

    transient: it may work later. alone: only this object is in trouble, so that nothing else has to wait for it.
    """

    reason: str
    transient: bool
    alone: bool = False


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """Load, Copy, Write, Tell, Clear or TakeAway has failed. Without trouble: the object is no longer the version that
    was asked for."""

    path: str
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody has ordered this; it is answered by Answer with the same id."""

    id: str
    order: Order


Success = Loaded | Refused | Written | Copied | Told | Cleared | TakenAway
Event = Heard | Listed | Looked | Ended | SourceChanged | Published | Success | TransferFailed | Ordered
