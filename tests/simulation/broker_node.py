"""The broker's process: the core and its door."""

from __future__ import annotations

from broker.actions import Note, Side
from broker.batching import multiparts
from broker.core import BrokerCore
from tests.simulation.invariants import BrokerWatch
from tests.simulation.network import Frames
from tests.simulation.nodes import SETTINGS, Node


class BrokerNode(Node):
    core: BrokerCore

    def boot(self) -> None:
        self.core = BrokerCore(SETTINGS, self.world.rng_for(self), self.now)
        self._watch = BrokerWatch(self.core)

    def deadline(self) -> float:
        return self.core.deadline()

    def receive(self, side: Side, identity: bytes, frames: Frames) -> None:
        if self.world.network.owner_of(identity) not in self.world.revoked:
            self._act(self.core.on_message(side, identity, frames, self.now))
            self.wake()

    def strike_off(self, side: Side, identity: bytes) -> None:
        """This peer's key is not listed any more."""
        self._act(self.core.on_unreachable(side, identity, self.now))
        self.wake()

    def wake(self) -> None:
        actions = self.core.on_tick(self.now)
        self._watch.look(self.now)
        self._act(actions)

    def _act(self, actions: list) -> None:
        while actions:
            more = []
            for item in multiparts(actions, SETTINGS.inline_limit):
                if isinstance(item, Note):
                    self.tell(f"{item.event} {dict(item.fields)}")
                    continue
                side, identity, frames = item
                if self.world.network.is_gone(identity):
                    more += self.core.on_unreachable(side, identity, self.now)
                else:
                    self.world.network.send_down(identity, [bytes(frame) for frame in frames])
            actions = more
