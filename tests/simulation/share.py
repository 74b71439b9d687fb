"""A share that listeners and some of the workers see: sealed references, and outputs that lie there for a while."""

from __future__ import annotations

import random
import zlib
from concurrent.futures import Future
from typing import TYPE_CHECKING, cast

from filterfleet.common.errors import ProtocolError, SourceChangedError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.shares.reference import Reference, file_name, is_sealed, leave, path_of, read, seal, stem_of
from filterfleet.common.wire import Failed, Message, Payload, Result, ResultOk
from filterfleet.common.wire.columns import rows
from filterfleet.worker.done import Done
from tests.simulation.invariants import InvariantError
from tests.simulation.photos import Photo

if TYPE_CHECKING:
    from tests.simulation.listener_node import ListenerNode
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


class Fleet:
    """The engine of a listener: its client. images are those of the jobs that the client has been given and that have
    no outcome, brought the jobs whose outcomes it may not forget."""

    name, inline_limit, window = "fleet", 0, 1

    def __init__(self, listener: ListenerNode) -> None:
        self.images: dict[bytes, Photo] = {}
        self.brought: set[bytes] = set()
        self._listener = listener
        self._futures: dict[bytes, Future[Result | Failed]] = {}

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        del read  # the listener has it
        self.images[job.id] = self._listener.photo_of(job.id)
        self._futures[job.id] = future = Future[Result | Failed]()
        self._listener.client.submit(job)
        return future

    def ends(self, job: bytes, outcome: Result | Failed) -> None:
        """Raises InvariantError."""
        if self.images.pop(job, None) is None:
            raise InvariantError(f"{self._listener.name} is given an outcome of {job[:16]!r}, which is not under way")
        self.brought.add(job)
        self._futures.pop(job).set_result(outcome)

    def loses(self, job: bytes) -> None:
        """Its image cannot be read any more."""
        del self.images[job]
        self._futures.pop(job).set_exception(SourceChangedError())

    def check(self, outcome: Result | Failed, recipe: Recipe) -> None:
        """Raises InvariantError unless the outputs are those of the image under this recipe."""
        if isinstance(outcome, Result):
            photo = self._listener.photo_of(outcome.id)
            content = b"".join(bytes(cast("Payload", blob)) for blob in outcome.payload)
            if content != photo.made_under(recipe):
                raise InvariantError(f"{self._listener.name} was given {content[:32]!r} for {photo.key!r}")

    def check_recorded(self, message: Message) -> None:
        """Raises InvariantError when this acknowledges something before it is recorded."""
        for one in rows(message):
            if isinstance(one, ResultOk) and one.id in self.brought:
                name = self._listener.name
                raise InvariantError(f"{name} acknowledges {one.id[:16]!r} before it is recorded")

    def acknowledge(self, job: bytes) -> None:
        """What it has brought has been recorded, or cannot be collected."""
        self.brought.remove(job)
        self._listener.client.acknowledge([job], self._listener.now)

    def close(self) -> None:
        pass


def _reference(listener: str, photo: Photo) -> Reference:
    inode = zlib.crc32(repr(photo.version).encode())
    path = f"{listener}/{photo.path}".encode()
    return Reference("share", path, len(photo.content), 0, inode, photo.key * 2, "share", "0" * 16, "")
