"""The engine of a listener: the real core of a client, on sockets of the simulated network."""

from __future__ import annotations

import random
from concurrent.futures import Future
from typing import TYPE_CHECKING, cast

from filterfleet.common.client.actions import Action, Deliver, ReadBlob
from filterfleet.common.client.core import ClientCore
from filterfleet.common.errors import SourceChangedError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import Data, Failed, Get, Message, Payload, Result, ResultOk
from filterfleet.common.wire.actions import Open, Send
from filterfleet.common.wire.columns import rows
from tests.memory_file import Shelf
from tests.simulation.invariants import InvariantError
from tests.simulation.liars import allowed, most_requests
from tests.simulation.nodes import SETTINGS
from tests.simulation.photos import Photo
from tests.simulation.router import Frames

if TYPE_CHECKING:
    from tests.simulation.listener_node import ListenerNode


class Fleet:
    """It lives as long as the listener's process does. shelf: the outputs that it is pulling."""

    name, inline_limit, window = "fleet", 0, 1

    def __init__(self, listener: ListenerNode, rng: random.Random) -> None:
        self.shelf = Shelf(listener.world.new_file)
        self._listener = listener
        self._core = ClientCore(rng, len(listener.world.brokers))
        self._broker = 0  # the number of the one that its socket is connected to
        self._images: dict[bytes, Photo] = {}  # of the jobs that the core has been given and that have no outcome
        self._futures: dict[bytes, Future[Result | Failed]] = {}  # of the same jobs
        self._brought: set[bytes] = set()  # jobs whose outcomes it may not forget

    # --- as an engine ----

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        del read  # the listener has it
        self._images[job.id] = self._listener.photo_of(job.id)
        self._futures[job.id] = future = Future[Result | Failed]()
        self._core.submit(job)
        return future

    def acknowledge(self, job: bytes) -> None:
        """What it has brought has been recorded, or cannot be collected."""
        self._brought.remove(job)
        self._core.acknowledge([job], self._listener.now)

    def close(self) -> None:
        pass

    # --- as a part of the process ----

    def start(self) -> None:
        self._act(self._core.start(self._listener.now))

    def deadline(self) -> float:
        return self._core.deadline()

    def wake(self) -> None:
        self._act(self._core.on_tick(self._listener.now))

    def receive(self, frames: Frames) -> None:
        if most_requests(frames) > allowed(SETTINGS):
            raise InvariantError(f"{self._listener.name} is asked for more parts than one lease may have under way")
        now = self._listener.now
        self._act(self._core.on_message(frames, now) + self._core.on_tick(now))
        while self._core.gets:
            self._act(self._core.answer())

    def refused(self) -> None:
        self._act(self._core.on_refused(self._listener.now))

    def check(self, outcome: Result | Failed, recipe: Recipe) -> None:
        """Raises InvariantError unless the outputs are those of the image under this recipe."""
        if isinstance(outcome, Result):
            photo = self._listener.photo_of(outcome.id)
            content = b"".join(bytes(cast("Payload", blob)) for blob in outcome.payload)
            if content != photo.made_under(recipe):
                raise InvariantError(f"{self._listener.name} was given {content[:32]!r} for {photo.key!r}")

    # --- the core's actions ----

    def _act(self, actions: list[Action]) -> None:
        messages: list[Message] = []
        for action in self.shelf.settle(self._core, actions, self._listener.now):
            match action:
                case Send(message):
                    self._check_sent(message)
                    messages.append(message)
                case Open(identity, broker):
                    messages = []
                    self._listener.close(self._broker)
                    self._broker = broker
                    self._listener.open(identity, broker)
                case ReadBlob(get, part):
                    self._read(get, part, messages)
                case Deliver(job, outcome):
                    self._deliver(job, outcome)
        self._listener.send_messages(messages, self._broker)

    def _check_sent(self, message: Message) -> None:
        name = self._listener.name
        for one in rows(message):
            if isinstance(one, ResultOk) and one.id in self._brought:
                raise InvariantError(f"{name} acknowledges {one.id[:16]!r} before it is recorded")
        if isinstance(message, Get) and message.blob not in self._listener.recipe.names:
            raise InvariantError(f"{name} pulls an output that its recipe does not have")

    def _read(self, get: Get, part: Payload | None, messages: list[Message]) -> None:
        if part is not None:
            messages.append(Data(get.id, "", get.offset, (part,)))
            return
        photo = self._images.get(get.id)
        if photo is None:
            return
        if self._listener.source.photos.get(photo.path) is photo:
            messages.append(Data(get.id, "", get.offset, (photo.content[get.offset : get.offset + get.length],)))
            return
        self._listener.tell(f"cannot read {photo.key!r} any more")
        self._act(self._core.cancel(get.id, self._listener.now))
        del self._images[get.id]
        self._futures.pop(get.id).set_exception(SourceChangedError())

    def _deliver(self, job: bytes, outcome: Result | Failed) -> None:
        if self._images.pop(job, None) is None:
            raise InvariantError(f"{self._listener.name} is given an outcome of {job[:16]!r}, which is not under way")
        self._brought.add(job)
        self._futures.pop(job).set_result(outcome)
