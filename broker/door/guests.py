"""Whom each routing id belongs to, and which connection speaks under it. Pure state.

libzmq routes by routing id alone. A routing id is an address that a peer has chosen, and the next peer that connects
under it gets everything that is sent to it. So each id has an owner: a key, or an IP address at a broker without keys.
The owner keeps the id while it is connected, and while the core knows a peer under it, because the core may owe that
peer something. A message goes out only while a connection is open on which the owner has spoken.

The broker has places for a limited number of ids. The more of them are taken, the fewer a single owner may have.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from filterfleet.broker.actions import Side
from filterfleet.broker.door.connections import Connection

Known = Callable[[Side, bytes], bool]


class Ruling(enum.Enum):
    """About a message that has arrived."""

    WELCOME = enum.auto()
    TAKEN = enum.auto()  # its routing id belongs to somebody else
    CROWDED = enum.auto()  # its owner has too many routing ids


@dataclass(slots=True)
class Guest:
    owner: str  # "" at a peer of whose connections libzmq says nothing
    connection: Connection | None = None  # the open one on which the owner has spoken under this id


class Guests:
    """`known` tells whether the core knows a peer. Each side has `places`, and both have `total` places together. One
    owner may have `share` times as many of a side as are left."""

    def __init__(self, known: Known, places: int, total: int, share: float) -> None:
        self._known = known
        self._places = places
        self._total = total
        self._share = share
        self._guests: dict[tuple[Side, bytes], Guest] = {}
        self._taken: Counter[Side] = Counter()
        self._taken_by: Counter[tuple[Side, str]] = Counter()
        self._robbed: set[tuple[Side, bytes]] = set()
        self._absent: set[tuple[Side, bytes]] = set()  # clients without a connection when tidy() was called last

    def __len__(self) -> int:
        return len(self._guests)

    def admit(self, side: Side, peer: bytes, owner: str, connection: Connection | None) -> Ruling:
        """Rule on a message under this routing id. `connection` is None when the one that it came on is over."""
        guest = self._guests.get((side, peer))
        if guest is not None and guest.owner != owner:
            if self._is_bound(side, peer, guest):
                if connection is not None and guest.connection is None:
                    self._robbed.add((side, peer))
                return Ruling.TAKEN
            self.forget(side, peer)
            guest = None
        if guest is None:
            if not self._has_room(side, owner):
                return Ruling.CROWDED
            guest = self._guests[side, peer] = Guest(owner)
            self._taken[side] += 1
            self._taken_by[side, owner] += 1
        if connection is not None:
            guest.connection = connection
        return Ruling.WELCOME

    def owner(self, side: Side, peer: bytes) -> str:
        """The owner of this routing id, or "" if it has none."""
        guest = self._guests.get((side, peer))
        return "" if guest is None else guest.owner

    def connection(self, side: Side, peer: bytes) -> Connection | None:
        """The open connection on which this id's owner has spoken under it. Without one, nothing may be sent to it."""
        guest = self._guests.get((side, peer))
        return None if guest is None else guest.connection

    def ended(self, connection: Connection) -> None:
        """The connection is over."""
        if connection.peer is None:
            return
        guest = self._guests.get((connection.side, connection.peer))
        if guest is not None and guest.connection is connection:
            guest.connection = None
            if not self._is_bound(connection.side, connection.peer, guest):
                self.forget(connection.side, connection.peer)

    def robbed(self) -> list[tuple[Side, bytes]]:
        """Ids whose owners have left, and under which others are connected now. Free them, and return them. No message
        to their owners can arrive."""
        robbed, self._robbed = list(self._robbed), set()
        for side, peer in robbed:
            self.forget(side, peer)
        return robbed

    def tidy(self) -> list[tuple[Side, bytes]]:
        """Free the ids of peers that have left and that the core has forgotten. Return the clients that the core still
        knows and that have had no connection since the call before: what they asked for is wanted no more."""
        absent: set[tuple[Side, bytes]] = set()
        for (side, peer), guest in list(self._guests.items()):
            if not self._is_bound(side, peer, guest):
                self.forget(side, peer)
            elif side is Side.FRONTEND and guest.connection is None and guest.owner:
                absent.add((side, peer))
        gone = [key for key in absent if key in self._absent]
        self._absent = absent
        return gone

    def forget(self, side: Side, peer: bytes) -> None:
        """Free the routing id for any owner."""
        if (guest := self._guests.pop((side, peer), None)) is not None:
            self._taken[side] -= 1
            self._taken_by[side, guest.owner] -= 1
            if not self._taken_by[side, guest.owner]:
                del self._taken_by[side, guest.owner]

    def dismiss(self, side: Side, allowed: Collection[str]) -> list[tuple[bytes, Guest]]:
        """Forget this side's routing ids whose owners are not allowed any more, and return them with their guests."""
        gone = [
            (peer, guest)
            for (where, peer), guest in self._guests.items()
            if where is side and guest.owner not in allowed
        ]
        for peer, _guest in gone:
            self.forget(side, peer)
        return gone

    def _is_bound(self, side: Side, peer: bytes, guest: Guest) -> bool:
        return guest.connection is not None or self._known(side, peer)

    def _has_room(self, side: Side, owner: str) -> bool:
        left = min(self._places - self._taken[side], self._total - len(self._guests))
        return self._taken_by[side, owner] + 1 <= self._share * left
