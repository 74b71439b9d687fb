"""Which connections are open, and which of them have to make room. Pure state.

libzmq has no limit for connections. Each takes a file descriptor, and a stranger could open them until none is left.
So only some may be silent at once, of each address and in all. The ones that have been silent for longest make room for
new ones. An honest peer among them connects again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from filterfleet.broker.actions import Side

Name = tuple[str, int]  # address and port of the other end


@dataclass(slots=True, eq=False)
class Connection:
    """`number` is its file descriptor, `since` the latest stamp of a handshake when it was accepted."""

    side: Side
    number: int
    name: Name
    address: str  # what it counts under: the address of its name, or the network
    since: int
    credential: str = ""  # the stamp of its own handshake, and its key
    peer: bytes | None = None  # the routing id that it speaks under; None while it has said nothing
    open: bool = True


_Silent = OrderedDict[Connection, None]  # the oldest first


class Connections:
    """At most `most` connections may be silent in all, and `most_of_address` of each address."""

    def __init__(self, most: int, most_of_address: int) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._open: dict[tuple[Side, int], Connection] = {}
        self._silent: _Silent = OrderedDict()
        self._silent_of: dict[str, _Silent] = {}

    def __len__(self) -> int:
        return len(self._open)

    def accepted(self, connection: Connection) -> list[Connection]:
        """A new one. Return those that have to be closed; they count as silent no more."""
        self._open[connection.side, connection.number] = connection
        self._silent[connection] = None
        of_address = self._silent_of.setdefault(connection.address, OrderedDict())
        of_address[connection] = None
        surplus = []
        if len(of_address) > self._most_of_address:
            surplus.append(next(iter(of_address)))
        elif len(self._silent) > self._most:
            surplus.append(next(iter(self._silent)))
        for old in surplus:
            self._not_silent(old)
        return surplus

    def ended(self, side: Side, number: int) -> Connection | None:
        """The connection with this descriptor is over. Return it, if it was open."""
        connection = self._open.pop((side, number), None)
        if connection is not None:
            connection.open = False
            self._not_silent(connection)
        return connection

    def find(self, side: Side, number: int, stamp: int) -> Connection | None:
        """The open connection that has this descriptor and was accepted before this stamp was given. Descriptors are
        used again, so a message may come from a connection that had this one earlier."""
        connection = self._open.get((side, number))
        return connection if connection is not None and connection.since < stamp else None

    def heard(self, connection: Connection, peer: bytes) -> None:
        """The connection speaks, under this routing id."""
        connection.peer = peer
        self._not_silent(connection)

    def leave(self, side: Side) -> list[Connection]:
        """All of this side's connections are over. Return them."""
        return [gone for where, number in list(self._open) if where is side and (gone := self.ended(side, number))]

    def _not_silent(self, connection: Connection) -> None:
        if connection in self._silent:
            del self._silent[connection]
            of_address = self._silent_of[connection.address]
            del of_address[connection]
            if not of_address:
                del self._silent_of[connection.address]
