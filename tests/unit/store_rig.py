"""A source and a sink in memory that fail as they are told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from filterfleet.common.blob import Blob, whole
from filterfleet.common.jobs.names import place_of
from filterfleet.common.wire import OutputFile
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import ChangedError, Loaded, TransferError


class Troubled:
    """trouble: called with what is about to be done, "load a.jpg" for instance; may raise."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.trouble: Callable[[str], None] = lambda _: None

    def begin(self, what: str) -> None:
        self.trouble(what)
        self.done.append(what)


class MemorySource(Troubled):
    name = "memory"
    remote = True

    def __init__(self, files: dict[str, bytes], *, atomic: bool = True) -> None:
        super().__init__()
        self.atomic = atomic
        self.files = files
        self.before_listing: Callable[[], None] = lambda: None

    def version(self, path: str) -> Version:
        data = self.files[path]
        return Version(len(data), 0, hashlib.md5(data, usedforsecurity=False).hexdigest())

    def list(self) -> Listing:
        try:
            self.begin("list")
        except TransferError as error:
            return Listing({}, {ROOT: str(error)})
        self.before_listing()
        return Listing({path: self.version(path) for path in list(self.files)})

    def glance(self, _most: int) -> Listing:
        return Listing({})

    def load(self, path: str, version: Version, _inline_limit: int) -> Loaded:
        self.begin(f"load {path}")
        self._check(path, version)
        return Loaded(hashlib.sha256(self.files[path]).digest(), self.files[path])

    def take_away(self, path: str, version: Version) -> None:
        self.begin(f"take away {path}")
        if path in self.files:
            self._check(path, version)
            del self.files[path]

    def _check(self, path: str, version: Version) -> None:
        if path not in self.files or self.version(path) != version:
            raise ChangedError

    def watch(self, _changed: Callable[[str], None]) -> None:
        pass


class MemorySink(Troubled):
    remote = True
    longest_name: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def check(self, folders: Iterable[str]) -> None: ...

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        self.begin(f"write {source}")
        for output, blob in zip(outputs, blobs, strict=True):
            self.files[place_of(output, source)] = bytes(whole(blob))

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        self.begin(f"copy {original} {source}")
        places = {output: place_of(output, original) for output in outputs}
        if not all(place in self.files for place in places.values()):
            return False
        for output, place in places.items():
            self.files[place_of(output, source)] = self.files[place]
        return True

    def publish(self, sources: Sequence[str]) -> dict[str, TransferError]:
        failed = {}
        for source in sources:
            try:
                self.begin(f"publish {source}")
            except TransferError as error:
                failed[source] = error
        return failed

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        self.begin(f"tell {source}")
        self.files[f"failed/{source}.txt"] = reason.encode()
        if image is not None:
            self.files[f"failed/{source}"] = bytes(whole(image))

    def clear_failed(self, source: str) -> None:
        self.begin(f"take back {source}")
        self.files.pop(f"failed/{source}", None)
        self.files.pop(f"failed/{source}.txt", None)

    def close(self) -> None: ...
