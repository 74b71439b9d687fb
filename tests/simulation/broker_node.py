"""The broker's process: the core and its door."""

from __future__ import annotations

from filterfleet.broker.actions import Action, Note, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from tests.simulation.invariants import BrokerWatch
from tests.simulation.network import Connection, Frames
from tests.simulation.nodes import SETTINGS, Node


class BrokerNode(Node):
    core: BrokerCore

    def boot(self) -> None:
        self.core = BrokerCore(SETTINGS, self.world.rng_for(self), self.now)
        self._watch = BrokerWatch(self.core)

    def audit(self) -> None:
        self._watch.audit()

    def deadline(self) -> float:
        return self.core.deadline()

    def arrive(self, connection: Connection, frames: Frames) -> None:
        if self.alive:
            self.do(self._receive, connection, frames)
        elif connection.open and self.world.rng.random() < 0.5:  # still in the sender's queue: sent on reconnection
            self.world.clock.after(0.2, self.arrive, connection, frames)

    def _receive(self, connection: Connection, frames: Frames) -> None:
        if connection.owner not in self.world.revoked:
            side = self.world.peers[connection.owner].side
            self._act([*self.core.on_message(side, connection.identity, frames, self.now), *self._tick()])

    def strike_off(self, side: Side, identity: bytes) -> None:
        """This peer's key is not listed any more."""
        self._act([*self.core.on_unreachable(side, identity, self.now), *self._tick()])

    def wake(self) -> None:
        self._act(self._tick())

    def _tick(self) -> list[Action]:
        actions = self.core.on_tick(self.now)
        self._watch.look(self.now)
        return actions

    def _act(self, actions: list[Action]) -> None:
        network = self.world.network
        while actions:
            more: list[Action] = []
            for item in multiparts(actions, SETTINGS.inline_limit):
                if isinstance(item, Note):
                    self.tell(f"{item.event} {dict(item.fields)}")
                    continue
                side, identity, frames = item
                if network.is_gone(identity):
                    more += self.core.on_unreachable(side, identity, self.now)
                else:
                    network.send_down(identity, [bytes(frame) for frame in frames])
            actions = more
