"""A source and an output, and what their users and their networks do to them."""

from __future__ import annotations

import random
from dataclasses import replace

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
from filterfleet.listener.core.scan import ROOT, Listing, Version
from tests.simulation.photos import Camera, Photo

AWAY = "The store is away."
BROKEN = "The disk reports an error."
PASSING = frozenset({AWAY, BROKEN})  # outages
LOCKED = "It may not be read."
TWINS = 0.2  # share of uploads whose content is that of another photo of the same source
LOST, LOSSES = "lost+found/", 0.2  # a folder, and the share of uploads that go there
HALVES = 0.3  # share of uploads that are seen while they are under way, where that can happen


class Source:
    """photos: what is there. expected: what must come to an outcome, whether it is still there or not."""

    def __init__(self, name: str, camera: Camera, rng: random.Random) -> None:
        self.photos: dict[str, Photo] = {}
        self.expected: dict[str, Photo] = {}
        self.away = False
        self.locked = False  # its folder LOST cannot be read
        self.hidden = False  # it shows nothing, as a share does that is not mounted
        self.unstable = False  # every look shows other inodes, as some network file systems do
        self._name = name
        self._camera = camera
        self._rng = rng
        self._uploads = 0

    # --- what users do ----

    def upload(self, now_ns: int, *, halves: bool) -> list[Photo]:
        """A new path; the versions that it will have, one after the other."""
        self._uploads += 1
        path = f"{self._name}/{LOST * (self._rng.random() < LOSSES)}{self._uploads}.jpg"
        whole = [photo for photo in self.photos.values() if not photo.partial]
        if whole and self._rng.random() < TWINS:
            photo = self._camera.copy(self._rng.choice(whole), path, now_ns)
        else:
            photo = self._camera.shoot(path, now_ns)
        if halves and self._rng.random() < HALVES:
            return [self._camera.half_of(photo, now_ns), photo]
        return [photo]

    def another(self, now_ns: int) -> Photo | None:
        """Another photo in the place of one that is there."""
        return self._camera.shoot(self._rng.choice(list(self.photos)), now_ns) if self.photos else None

    def rewrite(self) -> Photo | None:
        """Another photo of the same size and time in the place of one that is there and works."""
        good = [photo for photo in self.photos.values() if photo.kind == "good" and not photo.partial]
        return self._camera.rewrite(self._rng.choice(good)) if good else None

    def touch(self) -> Photo | None:
        """A photo that is there, after a chmod."""
        return self._camera.touch(self._rng.choice(list(self.photos.values()))) if self.photos else None

    def put(self, photo: Photo) -> None:
        self.photos[photo.path] = photo
        if not photo.partial:
            self.expected[photo.path] = photo

    def remove(self) -> str | None:
        """A path that was there, or None."""
        if not self.photos:
            return None
        path = self._rng.choice(list(self.photos))
        del self.photos[path]
        self.expected.pop(path, None)
        return path

    # --- what a listener asks for ----

    def list(self) -> Listed:
        if self.away:
            return Listed(Listing({}, {ROOT: AWAY}))
        seen = self._seen([path for path in self.photos if not self._is_locked(path)])
        return Listed(Listing(seen, {f"{self._name}/{LOST}": LOCKED} if self.locked else {}))

    def glance(self, most: int) -> Glanced:
        """Some of them, and perhaps all."""
        shown = self.list().listing
        some = self._rng.sample(sorted(shown.objects), self._rng.randint(0, min(most, len(shown.objects))))
        return Glanced(Listing({path: shown.objects[path] for path in some}))

    def look(self, paths: frozenset[str]) -> Looked:
        return Looked({} if self.away else self._seen([path for path in sorted(paths) if not self._is_locked(path)]))

    def _is_locked(self, path: str) -> bool:
        return self.locked and LOST in path

    def _seen(self, paths: list[str]) -> dict[str, Version]:
        if self.hidden:
            return {}
        return {path: self._shown(self.photos[path].version) for path in paths if path in self.photos}

    def _shown(self, version: Version) -> Version:
        return replace(version, inode=self._rng.randint(1, 1 << 30)) if self.unstable else version

    def load(self, path: str, version: Version) -> Event:
        photo = self.photos.get(path)
        if self.away:
            return TransferFailed(path, Trouble(AWAY, transient=True))
        if photo is None or self.hidden or photo.version != version or photo.kind == "ghost":
            return TransferFailed(path, None)
        if photo.kind == "locked" or self._is_locked(path):
            return TransferFailed(path, Trouble(LOCKED, transient=True, alone=True))
        if photo.kind == "refused":
            return Refused(path, "too large to be moved")
        return Loaded(path, photo.key, photo.content)

    def take_away(self, path: str, version: Version) -> Event:
        photo = self.photos.get(path)
        if self.away or self.hidden:
            return TransferFailed(path, Trouble(AWAY, transient=True))
        if photo is not None and photo.version != version:
            return TransferFailed(path, None)
        self.photos.pop(path, None)
        return TakenAway(path)


class Output:
    """By source path: written is what waits to be published, with its job; outputs is what is in its place; durable the
    job that it is of; failed the reasons of failures; removed what a user has removed."""

    def __init__(self, camera: Camera) -> None:
        self.written: dict[str, tuple[bytes, bytes]] = {}
        self.durable: dict[str, bytes] = {}
        self.broken = False  # nothing can be made durable
        self.outputs: dict[str, bytes] = {}
        self.failed: dict[str, str] = {}
        self.removed: set[str] = set()
        self.away = False
        self._camera = camera

    def remove(self, rng: random.Random) -> None:
        """What a user does who needs no outputs of some path."""
        if self.outputs:
            path = rng.choice(list(self.outputs))
            del self.outputs[path]
            self.removed.add(path)

    def crash(self) -> None:
        """What its listener has not published is lost."""
        self.written.clear()

    def _publish(self, paths: tuple[str, ...]) -> Published:
        written = {path: self.written.pop(path) for path in paths}
        if self.away or self.broken:
            trouble = Trouble(AWAY if self.away else BROKEN, transient=True)
            return Published(dict.fromkeys(paths, trouble))
        for path, (job, content) in written.items():
            self.outputs[path], self.durable[path] = content, job
            self.removed.discard(path)
        return Published({})

    def do(self, action: Write | Copy | Publish | Tell | Clear) -> Event:
        if isinstance(action, Publish):
            return self._publish(action.paths)
        if self.away:
            return TransferFailed(action.path, Trouble(AWAY, transient=True))
        match action:
            case Write(path, result):
                if self._camera.photo(result.id[:16]).kind == "unwritable":
                    return TransferFailed(path, Trouble("no such name can be written", transient=False))
                self.written[path] = result.id, b"".join(bytes(blob) for blob in result.payload)
                return Written(path, 0.1)
            case Copy(path, original, result):
                if original not in self.outputs:
                    return Copied(path, found=False)
                self.written[path] = result.id, self.outputs[original]
                return Copied(path, found=True)
            case Tell(path, _, reason):
                self.failed[path] = reason
                return Told(path)
            case Clear(path):
                self.failed.pop(path, None)
                return Cleared(path)


def do(source: Source, output: Output, action: Transfer) -> Event:
    match action:
        case List():
            return source.list()
        case Glance(most):
            return source.glance(most)
        case Look(paths):
            return source.look(paths)
        case Load(path, version):
            return source.load(path, version)
        case TakeAway(path, version):
            return source.take_away(path, version)
        case _:
            return output.do(action)
