"""Calls the source and the sink. Each call ends in one event for the core, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from filterfleet.common.blob import checksum, sha256_of
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.names import JSON, SIDECAR
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.payload import Blob, OpenFile, Payload, close
from filterfleet.common.wire import OutputFile
from filterfleet.listener import sidecar as sidecars
from filterfleet.listener.core.actions import (
    Clear,
    Copy,
    Glance,
    List,
    Load,
    Look,
    Publish,
    TakeAway,
    Tell,
    Transfer,
    Write,
)
from filterfleet.listener.core.events import (
    Cleared,
    Copied,
    Event,
    Glanced,
    Listed,
    Loaded,
    Looked,
    Published,
    Refused,
    TakenAway,
    Told,
    TransferFailed,
    Trouble,
    Written,
)
from filterfleet.listener.core.scan import Listing, Version
from filterfleet.listener.core.sidecar import Sidecar
from filterfleet.listener.interfaces import ChangedError, Sink, Source, TransferError
from filterfleet.listener.names import misfit


@dataclass(frozen=True, slots=True)
class Scanned:
    """The last listing of the source: when it ended (seconds since the epoch), how many seconds it took, the images
    that it shows, and the folders that it could not read."""

    ended_at: float
    seconds: float
    images: int
    unread: int


class Transfers:
    """Between a source, an output, and an engine that takes images of up to inline_limit bytes in memory and runs
    them through this recipe. sidecar: each image may get one."""

    def __init__(self, source: Source, sink: Sink, recipe: Recipe, inline_limit: int, *, sidecar: bool = False) -> None:
        self._source = source
        self._sink = sink
        self._recipe = recipe
        self._outputs: Sequence[Output] = (*recipe.outputs, sidecars.OUTPUT) if sidecar else recipe.outputs
        self._inline_limit = inline_limit
        self.scanned: Scanned | None = None

    def do(self, action: Transfer) -> Event:
        """From any thread."""
        match action:
            case List():
                return Listed(self._list())
            case Glance(most):
                return Glanced(self._source.glance(most))
            case Look(paths):
                return Looked(self._source.look(paths))
            case Publish(paths):
                failed = self._sink.publish(paths)
                return Published({path: _trouble(error) for path, error in failed.items()})
            case _:
                return self._attempt(action)

    def _list(self) -> Listing:
        began = time.monotonic()
        listing = self._source.list()
        self.scanned = Scanned(time.time(), time.monotonic() - began, len(listing.objects), len(listing.unread))
        return listing

    def _attempt(self, action: Load | Write | Copy | Tell | Clear | TakeAway) -> Event:
        path = action.path
        try:
            return self._do(action)
        except ChangedError:
            return TransferFailed(path, None)
        except TransferError as error:
            return TransferFailed(path, _trouble(error))

    def _do(self, action: Load | Write | Copy | Tell | Clear | TakeAway) -> Event:
        match action:
            case Load(path, version):
                return self._load(path, version)
            case Write():
                return self._write(action)
            case Copy(path, original, result):
                return Copied(path, self._sink.copy(original, path, result.outputs))
            case Tell(path, version, reason, with_image):
                self._tell(path, version, reason, with_image=with_image)
                return Told(path)
            case Clear(path):
                self._sink.clear_failed(path)
                return Cleared(path)
            case TakeAway(path, version):
                self._source.take_away(path, version)
                return TakenAway(path)

    def _write(self, action: Write) -> Event:
        began = time.perf_counter()
        path, result = action.path, action.result
        if action.about is None:
            self._sink.write(path, result.outputs, result.payload)
            return Written(path, time.perf_counter() - began)
        try:
            sums = [sha256_of(blob).hex() for blob in result.payload]
        except OSError as error:
            raise TransferError(f"The outputs cannot be read: {error.strerror}.", transient=True) from None
        data = sidecars.sidecar_of(path, result, action.about, self._recipe, sums)
        sidecar = Sidecar(OutputFile(SIDECAR, JSON, len(data)), checksum(data))
        self._sink.write(path, (*result.outputs, sidecar.output), (*result.payload, data))
        return Written(path, time.perf_counter() - began, sidecar)

    def _load(self, path: str, version: Version) -> Event:
        if (limit := self._sink.longest_name) is not None and (
            reason := misfit(path, self._outputs, limit)
        ) is not None:
            return Refused(path, reason)
        try:
            loaded = self._source.load(path, version, self._inline_limit)
        except ImageError as error:
            return Refused(path, str(error))
        return Loaded(path, loaded.digest, loaded.blob)

    def _tell(self, path: str, version: Version, reason: str, *, with_image: bool) -> None:
        image = self._image(path, version) if with_image else None
        try:
            self._sink.write_failed(path, reason, image)
        finally:
            if image is not None:
                close(image)

    def _image(self, path: str, version: Version) -> Blob | None:
        try:
            return self._source.load(path, version, 0).blob
        except (ChangedError, TransferError, ImageError):  # the reason is told without it
            return None


def _trouble(error: TransferError) -> Trouble:
    return Trouble(str(error), error.transient, error.alone)


def payload_of(image: Blob) -> tuple[tuple[Payload, ...], ReadImage | None]:
    """An image as an engine takes it: a payload, or a way to read the image in parts."""
    return ((), image.read) if isinstance(image, OpenFile) else ((image,), None)
