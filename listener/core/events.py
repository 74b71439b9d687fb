"""The events that the listener's core handles. Every action that starts something ends in exactly one event."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from filterfleet.common.payload import Blob
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.core.order import Order
from filterfleet.listener.core.scan import Listing, Version
from filterfleet.listener.core.sidecar import Sidecar


class Heard(Struct, frozen=True):
    """Something has happened to this path, or anywhere below the source when it is scan.ROOT."""

    path: str


class Listed(Struct, frozen=True):
    """List has ended: this is in the source."""

    listing: Listing


class Glanced(Struct, frozen=True):
    """Glance has ended: this is in the source, and there may be more."""

    listing: Listing


class Looked(Struct, frozen=True):
    """Look has ended: of the paths it asked for, these are in the source."""

    found: Mapping[str, Version]


class Loaded(Struct, frozen=True):
    """Load has ended: the image's sha256 and its bytes."""

    path: str
    digest: bytes
    image: Blob


class Refused(Struct, frozen=True):
    """Load has ended: the file was read, but cannot be processed, for this reason."""

    path: str
    reason: str


class Ended(Struct, frozen=True):
    """Submit has ended: the engine's outcome of a job."""

    job: bytes
    outcome: Result | Failed


class SourceChanged(Struct, frozen=True):
    """Submit has ended without an outcome: the image changed while the engine read it."""

    job: bytes


class Written(Struct, frozen=True):
    """Write has ended; it took this many seconds. sidecar is the one that was written, if there was to be one."""

    path: str
    seconds: float
    sidecar: Sidecar | None = None


class Copied(Struct, frozen=True):
    """Copy has ended; found is False if the original's outputs were gone."""

    path: str
    found: bool


class Published(Struct, frozen=True):
    """Publish has ended: the outputs of its paths are in their places, and durable, but for those in trouble."""

    troubles: Mapping[str, Trouble]


class Told(Struct, frozen=True):
    """Tell has ended: the failure stands at the output."""

    path: str


class Cleared(Struct, frozen=True):
    """Clear has ended: the output tells of no failure of this path."""

    path: str


class TakenAway(Struct, frozen=True):
    """TakeAway has ended: the object has left the source."""

    path: str


class Trouble(Struct, frozen=True):
    """Why a transfer failed, as a sentence for the user.

    transient: it may work later. alone: only this object is in trouble, so that nothing else has to wait for it.
    """

    reason: str
    transient: bool
    alone: bool = False


class TransferFailed(Struct, frozen=True):
    """Load, Copy, Write, Tell, Clear or TakeAway has failed. Without trouble: the object has changed or gone
    since the version that was asked for."""

    path: str
    trouble: Trouble | None


class Ordered(Struct, frozen=True):
    """Somebody has ordered this; it is answered by Answer with the same id."""

    id: str
    order: Order


Success = Loaded | Refused | Written | Copied | Told | Cleared | TakenAway
Event = Heard | Glanced | Listed | Looked | Ended | SourceChanged | Published | Success | TransferFailed | Ordered
