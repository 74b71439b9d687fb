"""The broker's process: the core and its door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filterfleet.broker.actions import Action, Note, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.common.wire import TAG
from tests.simulation.doorkeeper import Doorkeeper, DoorWatch
from tests.simulation.invariants import BrokerWatch
from tests.simulation.nodes import SETTINGS, Node
from tests.simulation.router import Connection, Frames
from tests.simulation.versions import as_before

if TYPE_CHECKING:
    from tests.simulation.world import World

CUT_AFTER = 0.1  # seconds until a peer that was cut off connects again


class BrokerNode(Node):
    core: BrokerCore

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, f"broker-{number}")
        self._router = world.network.routers[number]

    def boot(self) -> None:
        self._router.restart()
        self.core = BrokerCore(SETTINGS, self.world.rng_for(self), self.now)
        self._door = Doorkeeper(self._router, self.core)
        self._watch = BrokerWatch(self.core)
        self._door_watch = DoorWatch(self.core)

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
        self._look()
        if connection.owner in self.world.revoked or not self._router.takes(connection):
            return
        side, peer = connection.side, connection.identity
        if not self._door.admits(connection):
            self._cut(connection)
            return
        if self.name in self.world.old and peer.startswith(TAG):
            frames = as_before(frames, self.name)
        known = self.core.knows(side, peer)
        if side is Side.BACKEND:
            self._watch.hear(peer, frames)
        actions = self.core.on_message(side, peer, frames, self.now, connection.owner)
        self._door_watch.comes_in(connection, known=known)
        self._act([*actions, *self._tick()])

    def strike_off(self, side: Side, identity: bytes) -> None:
        """This peer's key is not listed any more."""
        if (connection := self._door.strike_off(side, identity)) is not None:
            self._cut(connection)
        self._act([*self.core.on_unreachable(side, identity, self.now), *self._tick()])

    def wake(self) -> None:
        self._act(self._tick())

    def _tick(self) -> list[Action]:
        self._look()
        actions = [
            action
            for side, peer in self._door.lost(self.now)
            for action in self.core.on_unreachable(side, peer, self.now)
        ]
        actions += self.core.on_tick(self.now)
        self._watch.look(self.now)
        return actions

    def _look(self) -> None:
        for connection in self._door.look():
            self._cut(connection)

    def _cut(self, connection: Connection) -> None:
        self.world.network.close(connection)
        self.world.clock.after(CUT_AFTER, self.world.peers[connection.owner].cut, connection)

    def _act(self, actions: list[Action]) -> None:
        while actions:
            more: list[Action] = []
            for item in multiparts(actions, SETTINGS.inline_limit):
                if isinstance(item, Note):
                    self.tell(f"{item.event} {dict(item.fields)}")
                    continue
                side, identity, frames = item
                target = self._door.reaches(side, identity)
                if target is None:
                    more += self.core.on_unreachable(side, identity, self.now)
                else:
                    self._door_watch.goes_out(target)
                    sent = [bytes(frame) for frame in frames]
                    if self.name in self.world.old and identity.startswith(TAG):
                        sent = as_before(sent, self.name)
                    self.world.network.carry(target, "down", sent)
            actions = more
