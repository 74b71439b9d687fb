"""Bugs planted in the broker's door, by name."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from filterfleet.broker.actions import Side
from filterfleet.broker.door.connections import Connection, Connections
from filterfleet.broker.door.guests import Guest, Guests, Ruling

Patch = tuple[type | ModuleType, str, Any]


def _anybodys_id(self: Guests, side: Side, peer: bytes, owner: str, connection: Connection | None) -> Ruling:
    """A routing id belongs to everybody who uses it."""
    guest = self._guests.get((side, peer))
    return _original_admit(self, side, peer, owner if guest is None else guest.owner, connection)


_original_admit = Guests.admit


def _free_at_once(self: Guests, side: Side, peer: bytes, guest: Guest) -> bool:
    """A routing id is free when its connection ends, although the core knows the peer."""
    return guest.connection is not None


def _end_missed(self: Connections, side: Side, number: int) -> Connection | None:
    """The end of a connection is not noticed. The id is still its owner's, and so is what is sent to it."""
    return None


def _descriptor_trusted(self: Connections, side: Side, number: int, stamp: int) -> Connection | None:
    """A late message is taken for one of the connection that has its descriptor now."""
    return self._open.get((side, number))


def _no_share(self: Guests, side: Side, owner: str) -> bool:
    """One key may take all places."""
    return self._taken[side] < self._places


DOOR_MUTANTS: dict[str, tuple[Patch, ...]] = {
    "anybody's id": ((Guests, "admit", _anybodys_id),),
    "free at once": ((Guests, "_is_bound", _free_at_once),),
    "end missed": ((Connections, "ended", _end_missed),),
    "descriptor trusted": ((Connections, "find", _descriptor_trusted),),
    "no share": ((Guests, "_has_room", _no_share),),
}
