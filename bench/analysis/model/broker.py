"""A broker's process, and the line to its machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.machine import Link, Machine
from filterfleet.bench.analysis.model.prices import Count, Parcel, Price, outcomes_in, parcel
from filterfleet.bench.analysis.model.process import Process
from filterfleet.broker.actions import Action, Note, Send, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings

PEERS = 1 << 16  # so that no worker is turned away
Receive = Callable[[Parcel], object]


class Broker(Process):
    """core_seconds is what the core's own code took on this machine, unlike everything else here."""

    def __init__(
        self, clock: Clock, machine: Machine, price: Price, lines: tuple[Link, Link], rng: random.Random
    ) -> None:
        super().__init__(clock, machine, price)
        self.core = BrokerCore(Settings(peers=PEERS), rng, clock.now)
        self.core_seconds = 0.0
        self._into, self._out = lines
        self._peers: dict[tuple[Side, bytes], Receive] = {}

    def connect(self, side: Side, identity: bytes, receive: Receive) -> Callable[[Parcel], object]:
        """A socket under this routing id. Returns what sends on it."""
        self._peers[side, identity] = receive

        def send(one: Parcel) -> None:
            self._into.carry(one.size, partial(self.arrive, (side, identity, one)))

        return send

    def deadline(self) -> float:
        return self.core.deadline()

    def react(self, inbox: list[tuple[Side, bytes, Parcel]], count: Count) -> list[Callable[[], object]]:
        count.looks += len(self.core.scheduler.workers)
        began = time.thread_time()
        now = self.clock.now
        actions: list[Action] = []
        for side, peer, one in inbox:
            count.passes(one)
            actions += self.core.on_message(side, peer, one.frames, now, "everybody")
        actions += self.core.on_tick(now)
        for action in actions:
            if isinstance(action, Send) and action.side is Side.FRONTEND:
                count.tasks += outcomes_in(action.message)
        after: list[Callable[[], object]] = []
        for item in multiparts(actions, self.core.settings.inline_limit):
            if isinstance(item, Note):
                continue
            side, peer, frames = item
            made = parcel(frames)
            count.passes(made)
            after.append(partial(self._out.carry, made.size, partial(self._peers[side, peer], made)))
        self.core_seconds += time.thread_time() - began
        return after
