"""A listener's process, as far as the fleet sees it: the core of its client, and an endless folder of photographs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from filterfleet.bench.analysis.model.broker import Broker
from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.machine import Machine
from filterfleet.bench.analysis.model.prices import Count, Parcel, Price, parcel
from filterfleet.bench.analysis.model.process import Process
from filterfleet.bench.analysis.model.worker import FILTERS
from filterfleet.broker.actions import Side
from filterfleet.common.client.actions import Action, Deliver, ReadBlob
from filterfleet.common.client.core import ClientCore
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Data, Message, encode
from filterfleet.common.wire.actions import Open, Send
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.messages import INLINE_LIMIT

BACKFILL, FRESH = 5, 0  # priorities


@dataclass(frozen=True, slots=True)
class Photograph:
    """What travels of it: the file, or a reference to it. size is that of the file, in bytes."""

    size: int
    payload: tuple[bytes, ...]
    reference: bytes = b""


class Client(Process):
    """Keeps `window` photographs under way, until it has submitted `limit` of them, and works on each for a while after
    its result has come (listener, in seconds). ended() is called with the seconds from the submission of each to the
    end of that work.
    """

    def __init__(
        self,
        clock: Clock,
        machine: Machine,
        price: Price,
        broker: Broker,
        photograph: Photograph,
        listener: float,
        ended: Callable[[float], object],
        rng: random.Random,
        window: int,
        priority: int = BACKFILL,
        limit: float = float("inf"),
    ) -> None:
        super().__init__(clock, machine, price)
        self.window = window
        self._left = limit
        self._broker = broker
        self._photograph = photograph
        self._priority = priority
        self._listener = listener
        self._told = ended
        self._name = rng.randbytes(8)
        self._numbers = itertools.count()
        self._core = ClientCore(rng)
        self._began: dict[bytes, float] = {}
        self._done: list[bytes] = []  # to be acknowledged
        self._first: list[Action] = []
        self._send: Callable[[Parcel], object] = lambda _: None

    def start(self) -> None:
        self._first = self._core.start(self.clock.now)
        self.wake()

    def deadline(self) -> float:
        return self._core.deadline()

    def react(self, inbox: list[Parcel], count: Count) -> list[Callable[[], object]]:
        now = self.clock.now
        actions, self._first = self._first, []
        for one in inbox:
            count.passes(one)
            actions += self._core.on_message(one.frames, now)
        done, self._done = self._done, []
        self._core.acknowledge(done, now)
        while len(self._began) < self.window and self._left > 0:
            self._submit(now)
        actions += self._core.on_tick(now)
        while self._core.gets:
            actions += self._core.answer()
        return self._execute(actions, count)

    def _submit(self, now: float) -> None:
        id_ = self._name + next(self._numbers).to_bytes(8)
        self._began[id_] = now
        self._left -= 1
        one = self._photograph
        self._core.submit(Job(id_, b"", FILTERS, one.size, one.payload, self._priority, (), one.reference))

    def _execute(self, actions: list[Action], count: Count) -> list[Callable[[], object]]:
        messages: list[Message] = []
        after: list[Callable[[], object]] = []
        for action in actions:
            match action:
                case Deliver(job):
                    count.tasks += 1
                    after.append(partial(self._work, job))
                case Send(message):
                    messages.append(message)
                case ReadBlob(get, part) if part is not None:
                    messages.append(Data(get.id, get.blob, get.offset, (part,)))
                case Open(identity):
                    self._send = self._broker.connect(Side.FRONTEND, identity, self.arrive)
        for batch in batches(messages, INLINE_LIMIT):
            one = parcel(encode(batch))
            count.passes(one)
            after.append(partial(self._post, one))
        return after

    def _post(self, one: Parcel) -> None:
        self._send(one)

    def _work(self, job: bytes) -> None:
        self.busy += self._listener
        if self._listener:
            self.machine.spend(self._listener, partial(self._recorded, job))
        else:
            self._recorded(job)

    def _recorded(self, job: bytes) -> None:
        self._done.append(job)
        self._told(self.clock.now - self._began.pop(job))
        self.wake()
