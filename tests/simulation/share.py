"""A share that listeners and some of the workers see: sealed references, and outputs that lie there for a while."""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

from filterfleet.common.errors import ProtocolError
from filterfleet.common.shares.reference import Reference, file_name, is_sealed, leave, path_of, read, seal, stem_of
from filterfleet.common.wire import Payload, Result
from filterfleet.worker.done import Done
from tests.simulation.photos import Photo

if TYPE_CHECKING:
    from tests.simulation.world import World

KEY, OTHER = b"k" * 32, b"o" * 32  # of the share, and of one that only has the same name


class Share:
    """Its dice are its own, so that the rest of a world goes its way with it and without it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(f"{world.seed}/share")
        self.used = self._rng.random() < 0.5
        self._files: dict[str, Payload] = {}
        self._last: Done | None = None  # the outputs that were left last, and what was said of them

    def is_seen(self) -> bool:
        """Whether the worker that is starting sees it."""
        return self._rng.random() < 0.7

    # --- the listener ----

    def refer(self, listener: str, photo: Photo) -> bytes:
        """Now and then, from another folder under the same name."""
        return seal(_reference(listener, photo), KEY if self._rng.random() < 0.9 else OTHER)

    def collect(self, reference: bytes, result: Result) -> tuple[Payload, ...]:
        """Raises ProtocolError."""
        sizes = [output.size for output in result.outputs]
        stem = stem_of(result.left, sizes, reference, KEY)
        files = [self._files.pop(file_name(stem, number), b"") for number in range(len(sizes))]
        if [len(file) for file in files] != sizes or self._rng.random() < 0.05:
            raise ProtocolError("The outputs are not there.")
        return tuple(files)

    # --- the worker ----

    def look(self, reference: bytes) -> Photo | None:
        """The image, if it is the very one."""
        listener, _, path = path_of(read(reference)).partition("/")
        node = next(node for node in self._world.listeners if node.name == listener)
        photo = node.source.photos.get(path)
        if photo is None or not is_sealed(reference, KEY) or self._rng.random() < 0.1:
            return None
        return photo if _reference(listener, photo) == read(reference) else None

    def leave(self, reference: bytes, done: Done, *, lies: bool) -> Done:
        """There is not always room. One that lies says that the outputs of another image are those of this one."""
        if self._rng.random() < 0.05:
            return done
        if not lies or self._last is None or self._rng.random() < 0.5:
            sizes = [output.size for output in done.outputs]
            left = leave(self._rng.randbytes(16), sizes, reference, KEY)
            self._last = Done(done.outputs, done.blobs, done.report, left)
        said = self._last
        self._files |= {file_name(said.left[:16], number): bytes(blob) for number, blob in enumerate(said.blobs)}
        return Done(said.outputs, (), said.report, said.left)


def _reference(listener: str, photo: Photo) -> Reference:
    inode = zlib.crc32(repr(photo.version).encode())
    path = f"{listener}/{photo.path}".encode()
    return Reference("share", path, len(photo.content), 0, inode, photo.key * 2, "share", "0" * 16, "")
