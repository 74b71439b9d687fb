"""A listed peer that connects under the routing ids of others, and under many of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filterfleet.broker.actions import Side
from filterfleet.common.wire import TAG, Beat, encode
from tests.simulation.nodes import Peer
from tests.simulation.router import Connection, Frames

if TYPE_CHECKING:
    from tests.simulation.world import World

CROWD = 24  # connections that it makes one after the other, now and then
PACE = 0.1  # seconds between two of them


class Thief(Peer):
    """Knows each routing id as soon as somebody connects under it. Stops when the faults end."""

    def __init__(self, world: World, side: Side) -> None:
        super().__init__(world, f"thief-{side.value}")
        self.side = side
        self._crowd: list[Connection] = []

    def boot(self) -> None:
        self._next = self.now

    def deadline(self) -> float:
        return self._next

    def stop(self) -> None:
        self._disperse()
        self.crash()

    def wake(self) -> None:
        rng = self.world.rng
        self._next = self.now + rng.expovariate(2.0)
        broker = rng.randrange(len(self.world.brokers))
        if rng.random() < 0.1:
            self._disperse()
            for n in range(CROWD):
                self.later(PACE * n, self._join_crowd, broker)
        if victims := self._victims():
            self.open(rng.choice(victims), broker)
            for _ in range(rng.choice([0, 0, 2])):
                self.later(rng.uniform(0.0, 1.0), self._speak, self.connections[broker])

    def _victims(self) -> list[bytes]:
        """Routing ids of others, mostly of those that have just left."""
        others = [one for one in self.world.network.seen if one.side is self.side and one.owner != self.name][-16:]
        left = [one for one in others if not one.open][-4:]
        return [one.identity for one in (left if left and self.world.rng.random() < 0.8 else others)]

    def _join_crowd(self, broker: int) -> None:
        arrive, identity = self.world.brokers[broker].arrive, TAG + self.world.rng.randbytes(4)
        connection = self.world.network.connect(self.name, broker, self.side, identity, arrive, self._arrive)
        self._crowd.append(connection)
        self._speak(connection)

    def _disperse(self) -> None:
        for connection in self._crowd:
            self.world.network.close(connection)
        self._crowd.clear()

    def _speak(self, connection: Connection) -> None:
        """Nothing that makes it a peer to whom anybody could want to send work. A basic worker would be given some."""
        if connection.open and connection.identity.startswith(TAG):
            self.world.network.carry(connection, "up", [bytes(frame) for frame in encode([Beat(b"")])])

    def cut(self, connection: Connection) -> None:
        """It does not come back under the same id."""

    def receive(self, frames: Frames, broker: int) -> None:
        pass
