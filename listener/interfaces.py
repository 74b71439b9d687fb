"""What the listener needs of the places where images come from and where results go: one interface each, for folders
on this machine and for those in a cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from filterfleet.common.blob import Blob, Payload
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.payload import OpenFile
from filterfleet.common.wire import OutputFile
from filterfleet.listener.core.scan import Listing, Version


class TransferError(FleetError):
    """Something could not be read or written; the text is a sentence for the user. transient: it may work later."""

    def __init__(self, reason: str, *, transient: bool) -> None:
        super().__init__(reason)
        self.transient = transient


class ChangedError(Exception):
    """The object is not, or no longer, the version that was asked for."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image file and its sha256: in memory when it is small, else to be read in parts."""

    digest: bytes
    blob: Blob

    def to_submit(self) -> tuple[tuple[Payload, ...], ReadImage | None]:
        """As an engine wants it: a payload, or how to read the image in parts."""
        return ((), self.blob.read) if isinstance(self.blob, OpenFile) else ((self.blob,), None)


@dataclass(frozen=True, slots=True)
class Watch:
    """A source that tells of changes. look(paths): those of them that list() would have, at the cost of these alone; it
    may be called from any thread. stop(): tell no more."""

    look: Callable[[Iterable[str]], Mapping[str, Version]]
    stop: Callable[[], None]


class Source(Protocol):
    """Images below a root. list, load and take_away may be called from any thread."""

    name: str  # what the ledger knows it by: the same in every run
    atomic: bool  # an object appears whole or not at all, so that one look is enough
    remote: bool  # what is loaded passes through files of ours

    def list(self) -> Listing:
        """Every selected image file. Never raises for the source's sake: what could not be read is in its unread."""

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        """One version, in memory when it has no more than inline_limit bytes. Raises ChangedError, TransferError, and
        ImageError for one that is too large to be moved."""

    def take_away(self, path: str, version: Version) -> None:
        """What the user wants to be done to this version after its success; nothing when it has been done. Raises
        ChangedError (then nothing was done) and TransferError."""

    def watch(self, changed: Callable[[str], None]) -> Watch | None:
        """Call changed(path) soon after something happens to a file, and changed(ROOT) soon after anything else does;
        None when nobody tells."""


class Sink(Protocol):
    """Results below a root, which belongs to this process until close(). Everything may be called from any thread,
    for one source path by one at a time."""

    remote: bool  # what is written passes through files of ours

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        """Put every output of one source path in its place, each whole or not at all. Raises TransferError."""

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        """Place the outputs of another source path with the same content; False when they are no longer there. Raises
        TransferError."""

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        """Record below failed/ what could not be processed: a text that says why, and the image itself if given.
        Raises TransferError."""

    def clear_failed(self, source: str) -> None:
        """Take back what write_failed left, if anything. Raises TransferError."""

    def close(self) -> None:
        """Let it be used by others; what is under way fails."""
