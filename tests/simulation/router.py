"""A broker's ROUTER sockets as libzmq makes them: a table of routing ids, and a monitor of connections."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

from filterfleet.broker.actions import Side

Frames = list[bytes]
Arrive = Callable[["Connection", Frames], None]


class Connection:
    """One peer's socket as its broker sees it, by its routing id. First in, first out, both ways.

    A copy of a message may be lost or doubled, as happens to libzmq's messages when a connection breaks
    and is made again. Reordering only ever happens between connections.
    """

    def __init__(
        self, owner: str, broker: int, side: Side, identity: bytes, up: Arrive, down: Arrive, slowness: float
    ) -> None:
        self.owner = owner
        self.broker = broker
        self.side = side
        self.identity = identity
        self.arrive = {"up": up, "down": down}  # what takes the frames at the other end; up is at the broker
        self.last = {"up": 0.0, "down": 0.0}  # when the last message arrives
        self.slowness = slowness  # a factor on the delays of the weather
        self.open = True
        self.number = -1  # its descriptor at the broker
        self.stamp = 0  # of its handshake with the broker; 0 when that has died since
        self.spoken = False  # a message of it has arrived at the broker
        self.life = 0  # of the broker that it leads to


class Router:
    """One routing id has one connection, the first that came under it while the id was free. Another one waits, and
    takes the id with its next message once the first has ended. Descriptors are used again at once."""

    def __init__(self) -> None:
        self.events: deque[tuple[bool, Side, int, Connection]] = deque()  # accepted or not, and what
        self._table: dict[tuple[Side, bytes], Connection] = {}
        self._open: dict[int, Connection] = {}
        self._life = 0

    def restart(self) -> None:
        """The broker's process is a new one. Every peer connects again."""
        open_ones = list(self._open.values())
        self._life += 1
        self.events.clear()
        self._table.clear()
        self._open.clear()
        for connection in open_ones:
            self.accept(connection)

    def accept(self, connection: Connection) -> None:
        connection.number = next(number for number in itertools.count() if number not in self._open)
        connection.stamp = 0
        connection.spoken = False
        connection.life = self._life
        self._open[connection.number] = connection
        self._table.setdefault((connection.side, connection.identity), connection)
        self.events.append((True, connection.side, connection.number, connection))

    def end(self, connection: Connection) -> None:
        """The other end is gone."""
        if self._open.pop(connection.number, None) is connection:
            if self.target(connection.side, connection.identity) is connection:
                del self._table[connection.side, connection.identity]
            self.events.append((False, connection.side, connection.number, connection))

    def target(self, side: Side, identity: bytes) -> Connection | None:
        """Where a message to this routing id goes."""
        return self._table.get((side, identity))

    def takes(self, connection: Connection) -> bool:
        """Whether a message of this connection comes through. One that gets it the id is taken by libzmq itself."""
        if connection.life != self._life:
            return False  # it has ended with the broker before this one
        if connection.spoken or self.target(connection.side, connection.identity) is connection:
            connection.spoken = True
            return True
        if connection.open:
            self._table.setdefault((connection.side, connection.identity), connection)
        return False
