"""A listener's process: the client core, the real intake and the real ledger, a source and an output folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.broker.actions import Side
from filterfleet.common.client.actions import Deliver, ReadBlob
from filterfleet.common.client.core import ClientCore
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Data, Failed, Message, Result, ResultOk
from filterfleet.common.wire.actions import Open, Send
from filterfleet.listener.core.intake import Intake
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.service import BACKFILL, FRESH
from tests.memory_file import Shelf
from tests.simulation.invariants import InvariantError
from tests.simulation.network import Frames
from tests.simulation.nodes import SETTINGS, Peer
from tests.simulation.photos import Photo

if TYPE_CHECKING:
    from tests.simulation.world import World

ANOTHER_TRY = 5.0  # seconds until what failed for a passing reason is tried again


class ListenerNode(Peer):
    """Source, outputs and ledger survive its crashes; of the ledger, what was committed."""

    side = Side.FRONTEND

    def __init__(self, world: World, name: str, photos: int) -> None:
        super().__init__(world, name)
        self.source: dict[str, Photo] = {}
        self.outputs: dict[str, bytes] = {}
        self.ledger = Ledger(Path(":memory:"), name, "recipe")
        for _ in range(photos):
            self.upload()

    # --- what users do ----

    def upload(self) -> None:
        self._put(f"{self.name}/{len(self.source)}.jpg")

    def replace(self) -> None:
        self._put(self.world.rng.choice(list(self.source)))

    def _put(self, path: str) -> None:
        self.source[path] = photo = self.world.camera.shoot(path, self.world.wall.time_ns())
        if self.alive:
            self.tell(f"finds {photo.job!r} under {path}, {photo.kind}")
        self.do(self._turn)

    # --- the process ----

    def boot(self) -> None:
        self.core = ClientCore(self.world.rng_for(self), len(self.world.brokers))
        self.shelf = Shelf(self.world.new_file)
        self._broker = 0
        self.intake = Intake(self.world.rng.choice([4, 12, 40]), SETTINGS.inline_limit)
        self._in_hand: dict[bytes, Photo] = {}
        self._delivered: set[bytes] = set()  # of these; their images are not read any more
        self._recorded: list[bytes] = []  # jobs to acknowledge after the next commit
        self.ledger.retry_transient()
        self._known = self.ledger.settled()
        for path, version, fresh in self.ledger.pending():
            self.intake.add(path, version, fresh=fresh)
        self._backfill = self.life == 1  # its first look finds what was there before it
        self._act(self.core.start(self.now))
        self._turn()
        self._backfill = False

    def crash(self) -> None:
        super().crash()
        self.ledger._db.rollback()  # what was not committed is not there after a kill

    def deadline(self) -> float:
        return self.core.deadline()

    def wake(self) -> None:
        self._act(self.core.on_tick(self.now))

    def receive(self, frames: Frames, _broker: int) -> None:
        self._act(self.core.on_message(frames, self.now) + self.core.on_tick(self.now))

    def refused(self, _broker: int) -> None:
        self._act(self.core.on_refused(self.now))

    def _turn(self) -> None:
        """As listener.service does: look, commit, acknowledge, feed."""
        for path, photo in self.source.items():
            if self._known.get(path) != photo.version:
                self._known[path] = photo.version
                self._begin(photo, fresh=not self._backfill)
        self.ledger.commit()
        for job in self._recorded:
            del self._in_hand[job]
            self._act(self.core.acknowledge(job, self.now))
        self._recorded.clear()
        while (taken := self.intake.take()) is not None:
            self._submit(*taken)

    def _begin(self, photo: Photo, *, fresh: bool) -> None:
        self.ledger.add(photo.path, photo.version, fresh=fresh)
        self.intake.add(photo.path, photo.version, fresh=fresh)

    def _submit(self, path: str, version: object, fresh: bool) -> None:
        photo = self.source[path]
        if photo.version != version:  # it has been replaced; the newer one is in the line as well
            self.intake.release(path)
            return
        self._in_hand[photo.job] = photo
        inline = photo.version.size <= SETTINGS.inline_limit
        payload = (photo.content,) if inline else ()
        job = Job(photo.job, b"recipe", ("f",), photo.version.size, payload, FRESH if fresh else BACKFILL)
        self._act(self.core.submit(job, self.now))

    def _act(self, actions: list) -> None:
        messages: list[Message] = []
        for action in self.shelf.settle(self.core, actions, self.now):
            match action:
                case Send(message):
                    if isinstance(message, ResultOk) and message.id in self._in_hand:
                        raise InvariantError(f"{self.name} acknowledges {message.id!r} before it is recorded")
                    messages.append(message)
                case Open(identity, broker):
                    messages = []
                    self.close(self._broker)
                    self._broker = broker
                    self.open(identity, broker)
                case ReadBlob(get):
                    self._read(get, messages)
                case Deliver(job, outcome):
                    self._delivered.add(job)
                    writing = self.world.rng.uniform(0.0, 0.2)
                    self.later(writing, self._apply, job, outcome)
        self.send_messages(messages, self._broker)

    def _read(self, get: object, messages: list[Message]) -> None:
        photo = self._in_hand.get(get.id)
        if photo is None or get.id in self._delivered:
            return
        if self.source[photo.path] is photo:
            messages.append(Data(get.id, "", get.offset, (photo.content[get.offset : get.offset + get.length],)))
            return
        self.tell(f"cannot read {get.id!r} any more: it has been replaced")
        del self._in_hand[photo.job]
        self.intake.release(photo.path)
        self._act(self.core.cancel(photo.job, self.now))
        self._turn()

    def _apply(self, job: bytes, outcome: Result | Failed) -> None:
        """Place the outputs, and record them; the commit comes with a later turn."""
        photo = self._in_hand.get(job)
        if photo is None or job in self._recorded:
            raise InvariantError(f"{self.name} was given job {job!r} twice")
        if isinstance(outcome, Failed):
            transient = outcome.kind == "transient"
            self.tell(f"records {job!r}: {outcome.reason}")
            self.ledger.failed(photo.path, photo.version, outcome.reason, transient=transient)
            if transient:
                self.later(ANOTHER_TRY, self._try_again, photo)
        else:
            self._place(photo, outcome)
        self.intake.release(photo.path)
        self._recorded.append(job)
        self.later(self.world.rng.choice([0.0, 0.05]), self._turn)

    def _place(self, photo: Photo, result: Result) -> None:
        content = b"".join(bytes(blob) for blob in result.payload)
        if content != photo.made_of_it:
            raise InvariantError(f"{self.name} was given {content[:32]!r} for {photo.job!r}")
        self.tell(f"records {photo.job!r}: done")
        self.outputs[photo.path] = content
        self.ledger.done(photo.path, photo.version, result, engine="fleet", write=0.0, turnaround=0.0)

    def _try_again(self, photo: Photo) -> None:
        if self._known[photo.path] == photo.version:
            self._begin(photo, fresh=False)
            self._turn()

    # --- the end ----

    @property
    def finished(self) -> bool:
        return self.alive and self.intake.idle and not self._recorded and self._all_found and not self.left

    @property
    def _all_found(self) -> bool:
        return all(self._known.get(path) == photo.version for path, photo in self.source.items())

    @property
    def left(self) -> list[str]:
        return [path for path, _, _ in self.ledger.pending()]
