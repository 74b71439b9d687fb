"""What the listener needs of a source and of a sink: one interface each, for local folders and for clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from filterfleet.common.blob import Blob
from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile
from filterfleet.listener.core.scan import Listing, Version


class TransferError(FleetError):
    """Something could not be read or written. The text is a sentence for the user.

    transient: it may work later. alone: only this object is in trouble, not the place that it is in.
    """

    def __init__(self, reason: str, *, transient: bool, alone: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient
        self.alone = alone


class BusyError(TransferError):
    """A store works, but asks for fewer requests."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, transient=True)


class ChangedError(Exception):
    """The object is gone, or is another version than the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image file and its sha256: in memory when it is small, else to be read in parts."""

    digest: bytes
    blob: Blob


@dataclass(frozen=True, slots=True)
class Watch:
    """A source that notifies of changes. stop() ends the notifications."""

    stop: Callable[[], None]


class Source(Protocol):
    """Images below a root. Every method may be called from any thread. look may run beside list, but not before the
    first list has ended."""

    name: str  # in the ledger: the same in every run
    atomic: bool  # an object appears whole or not at all: one look at it is enough
    remote: bool  # images pass through temporary files

    def list(self) -> Listing:
        """Every selected image file. Trouble at the source does not raise: the listing's `unread` has the reasons."""

    def glance(self, most: int) -> Listing:
        """A part of the listing that list() would give, this many objects at most, in a moment."""

    def look(self, paths: Iterable[str]) -> Mapping[str, Version]:
        """Those of these paths that list() would show, at the cost of these paths only."""

    @property
    def place(self) -> str | None:
        """What stands before a path of this source where others name it: a bucket and a prefix, or a folder. None when
        several objects may share a path."""

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        """One version, in memory when it has no more than inline_limit bytes. Raises ChangedError, TransferError, and
        ImageError for one that is too large to be moved."""

    def take_away(self, path: str, version: Version) -> None:
        """Do to this version what the user wants after its success; nothing if it is already done. Raises ChangedError,
        without having done anything, and TransferError."""

    def watch(self, changed: Callable[[str], None]) -> Watch | None:
        """Call changed(path) soon after something happens to a file, and changed(ROOT) soon after anything else does.
        None: this source notifies of nothing."""


class Sink(Protocol):
    """Results below a root, which belongs to this process until close(). Every method may be called from any thread,
    for one source path by one thread at once."""

    remote: bool  # outputs pass through temporary files

    @property
    def longest_name(self) -> int | None:
        """The bytes that the name of a file may have, where that is known."""

    def check(self, folders: Iterable[str]) -> None:
        """These folders below the root will be written to. Raises FleetError when one of them is known not to work."""

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        """Write all outputs of one source path, to be published. Raises TransferError, and leaves nothing then."""

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        """write() with the outputs of another source path with the same content. False: those are gone.
        Raises TransferError."""

    def publish(self, sources: Sequence[str]) -> Mapping[str, TransferError]:
        """See that everything that was written for these source paths is in its place, and survives a power cut.

        Returns those for which that failed, and why. All outputs of a source path appear, or none, and each of them
        whole. Only one thread calls this at once.
        """

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        """Record a failure below failed/: a text with the reason, and the image if given. Raises TransferError."""

    def clear_failed(self, source: str) -> None:
        """Remove what write_failed has left, if anything. Raises TransferError."""

    def close(self) -> None:
        """Let others use the root. What is under way fails."""
