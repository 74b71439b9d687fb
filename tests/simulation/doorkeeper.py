"""A broker's door: its pure parts are the real ones, and the router is a simulated one. And what must hold of it."""

from __future__ import annotations

from filterfleet.broker.actions import Side
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.door.connections import Connection as Seen
from filterfleet.broker.door.connections import Connections
from filterfleet.broker.door.guests import Guests, Ruling
from filterfleet.broker.settings import TIDY_INTERVAL
from tests.simulation.invariants import InvariantError
from tests.simulation.router import Connection, Router

PLACES, SHARE = 30, 1.0  # an owner may have half of them at most
SILENT, SILENT_OF_ADDRESS = 20, 8


class Doorkeeper:
    """Keys are the names of peers, and each peer has an address of its own."""

    def __init__(self, router: Router, core: BrokerCore) -> None:
        self._router = router
        self._guests = Guests(core.knows, PLACES, 2 * PLACES, SHARE)
        self._connections = Connections(SILENT, SILENT_OF_ADDRESS)
        self._stamp = 0
        self._next_tidying = 0.0
        self._open: dict[Seen, Connection] = {}

    def look(self) -> list[Connection]:
        """Learn what has become of connections. Return those that have to be closed."""
        surplus: list[Connection] = []
        while self._router.events:
            accepted, side, number, connection = self._router.events.popleft()
            if accepted:
                seen = Seen(side, number, (connection.owner, number), connection.owner, self._stamp)
                self._stamp += 1
                connection.stamp = self._stamp
                self._open[seen] = connection
                surplus += [self._open[old] for old in self._connections.accepted(seen)]
            elif (gone := self._connections.ended(side, number)) is not None:
                self._guests.ended(gone)
                self._open.pop(gone, None)
        return surplus

    def admits(self, connection: Connection) -> bool:
        """Whether a message that has come on this connection may come in."""
        side, peer = connection.side, connection.identity
        seen = self._connections.find(side, connection.number, connection.stamp)
        ruling = self._guests.admit(side, peer, connection.owner, seen)
        if ruling is Ruling.WELCOME and seen is not None:
            self._connections.heard(seen, peer)
        return ruling is Ruling.WELCOME

    def lost(self, now: float) -> list[tuple[Side, bytes]]:
        """Peers that are not reached any more."""
        lost = self._guests.robbed()
        if now >= self._next_tidying:
            self._next_tidying = now + TIDY_INTERVAL
            lost += self._guests.tidy()
        return lost

    def strike_off(self, side: Side, peer: bytes) -> Connection | None:
        """Forget the owner of this routing id. Return its connection, if there is one."""
        seen = self._guests.connection(side, peer)
        self._guests.forget(side, peer)
        return None if seen is None else self._open[seen]

    def reaches(self, side: Side, peer: bytes) -> Connection | None:
        """Where a message to this routing id may go."""
        seen, target = self._guests.connection(side, peer), self._router.target(side, peer)
        if seen is None or target is None:
            return None
        self.look()
        return target if seen.open else None


class DoorWatch:
    """Knows for itself under whose key each peer of the core has come."""

    def __init__(self, core: BrokerCore) -> None:
        self._core = core
        self._owners: dict[tuple[Side, bytes], str] = {}

    def comes_in(self, connection: Connection, *, known: bool) -> None:
        """The core has been given a message of this connection. `known` is whether it knew the peer before."""
        peer = connection.side, connection.identity
        if not self._core.knows(*peer):
            self._owners.pop(peer, None)
        elif not known:
            self._owners[peer] = connection.owner
            self._check_share(connection)
        elif self._owners[peer] != connection.owner:
            raise InvariantError(f"{connection.owner} speaks for {self._owners[peer]}")

    def goes_out(self, target: Connection) -> None:
        """A message is sent to this connection."""
        owner = self._owners.get((target.side, target.identity), target.owner)
        if owner != target.owner:
            raise InvariantError(f"{target.owner} is sent what is {owner}'s")
        if not target.spoken:
            raise InvariantError(f"{target.owner} is sent something before it has spoken")

    def _check_share(self, newcomer: Connection) -> None:
        """Nobody may have more than a share of the places."""
        held = sum(
            owner == newcomer.owner and side is newcomer.side and self._core.knows(side, peer)
            for (side, peer), owner in self._owners.items()
        )
        if held > PLACES * SHARE / (1 + SHARE):
            raise InvariantError(f"{newcomer.owner} has {held} of {PLACES} places")
