"""The door in front of the core. This one has no keys: it lets in everybody who can reach the ports, and counts.

libzmq has no call that ends one connection of a ROUTER. But its descriptors are this process's own, and its monitor
says which are in use. When the stream of a descriptor is shut down, libzmq takes the peer for gone, as it does when a
cable breaks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import zmq

from filterfleet.broker.actions import Side
from filterfleet.broker.door.anonymous import Numbers, first_number
from filterfleet.broker.door.connections import Connection, Connections
from filterfleet.broker.door.descriptors import file_limit, name_of, network_of, shut_down
from filterfleet.broker.door.guests import Guests, Known, Ruling
from filterfleet.broker.settings import (
    DENIAL_INTERVAL,
    DESCRIPTORS_KEPT,
    PLACES_SHARE,
    SILENT_OF_ADDRESS,
    SILENT_PART,
    TIDY_INTERVAL,
)
from filterfleet.common.keys.handshakes import FAILED, Monitor
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import Payload
from filterfleet.common.wire.frames import receive_from, send

EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED

Arrived = tuple[bytes, list[Payload]]  # routing id, frames behind it

log = get_logger("broker")


class Door:
    """`known` tells whether the core knows a peer, `peers` is how many of them each side may have."""

    owners = "address"  # what a routing id belongs to, in the words of the log

    def __init__(self, known: Known, peers: int) -> None:
        descriptors = max(2, file_limit() - DESCRIPTORS_KEPT)
        silent = descriptors // SILENT_PART
        self._guests = Guests(known, peers, descriptors - silent, PLACES_SHARE)
        self._connections = Connections(silent, min(SILENT_OF_ADDRESS, silent // 2))
        self._stamp = 0  # of the latest handshake
        self._monitors: dict[Side, Monitor] = {}
        self._numbers: dict[Side, Numbers] = {}
        self._lines = RateLimit(1, DENIAL_INTERVAL)
        self._next_tidying = 0.0

    def guard(self, router: zmq.Socket[bytes], side: Side) -> None:
        """Prepare the side's router. Comes before it is bound."""
        self._numbers[side] = Numbers(first_number(router))
        self._monitors[side] = Monitor(router, EVENTS | FAILED)

    def pollable(self) -> list[zmq.Socket[bytes] | int]:
        """What to poll for input, which is a reason to call turn()."""
        return [monitor.fileno() for monitor in self._monitors.values()]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def turn(self, now: float, *, again: bool = False) -> list[tuple[Side, bytes]]:  # noqa: ARG002 - for doors with keys
        """Note what has become of connections. Return the routing ids of peers that are not reached under them any
        more, or that have lost the right to be here. again: read the keys again, if there are some."""
        self._look()
        if now >= self._next_tidying:
            self._next_tidying = now + TIDY_INTERVAL
            return [*self._guests.tidy(), *self._guests.robbed()]
        return self._guests.robbed()

    def owner(self, side: Side, peer: bytes) -> str:
        """Whom the routing id belongs to; "" if that is not known."""
        return self._guests.owner(side, peer)

    def whereabouts(self, side: Side, peer: bytes) -> tuple[str, str]:
        """The name of the peer's key, if there are keys, and the address of its connection; "" if not known."""
        connection = self._guests.connection(side, peer)
        address = "" if connection is None else connection.name[0]
        return self._describe(side, self.owner(side, peer)).get("name", ""), address

    def receive(self, side: Side, router: zmq.Socket[bytes], limit: int) -> Iterator[Arrived]:
        """Messages that have arrived, `limit` at most. Messages of strangers count, and are left out."""
        for _ in range(limit):
            if (arrived := receive_from(router)) is None:
                return
            first, frames = arrived
            peer = bytes(frames[0])
            connection = self._guests.connection(side, peer)
            if (connection is not None and self._is_of(connection, first)) or self._admits(side, peer, first):
                yield peer, frames[1:]

    def send(self, _side: Side, router: zmq.Socket[bytes], peer: bytes, frames: Sequence[Payload]) -> None:
        """Queue a message, never waiting. Raises zmq.ZMQError when the peer cannot be reached."""
        send(router, [peer, *frames])

    def leave(self, side: Side) -> None:
        """Comes before the side's router is closed."""
        self._monitors.pop(side).close()
        for connection in self._connections.leave(side):
            self._guests.ended(connection)

    def close(self) -> None:
        """Comes after both sides have been left."""

    # --- who speaks ----

    def _is_of(self, _connection: Connection, _first: zmq.Frame) -> bool:
        """Whether the message with this first frame came on this connection."""
        return True

    def _who(self, side: Side, first: zmq.Frame) -> tuple[str, Connection | None] | None:
        """The owner and the connection of a message with this first frame. The connection is None when it is over. The
        result is None when the message must not come in."""
        try:
            connection = self._connections.find(side, first.get(zmq.SRCFD), self._stamp + 1)
            address = str(first.get("Peer-Address"))
        except zmq.ZMQError:  # ZMTP 1 and 2 say nothing about their connection
            return "", None
        return (network_of(address) if connection is None else connection.address), connection

    def _admits(self, side: Side, peer: bytes, first: zmq.Frame) -> bool:
        """Rule on the first message of a connection."""
        self._look()
        if (who := self._who(side, first)) is None:
            return False
        owner, connection = who
        if self._numbers[side].are_claimed_by(peer):
            self._turn_away(side, peer, owner, connection, "routing id of libzmq's own form")
            return False
        match self._guests.admit(side, peer, owner, connection):
            case Ruling.WELCOME:
                if connection is not None:
                    self._connections.heard(connection, peer)
                return True
            case Ruling.TAKEN:
                reason = f"routing id of another {self.owners}"
            case Ruling.CROWDED:
                reason = f"too many peers of one {self.owners}"
        self._turn_away(side, peer, owner, connection, reason)
        return False

    def _turn_away(self, side: Side, peer: bytes, owner: str, connection: Connection | None, reason: str) -> None:
        self._say(side, reason, peer=peer.hex(), **self._describe(side, owner))
        if connection is not None:
            shut_down(connection)

    def _describe(self, _side: Side, owner: str) -> dict[str, str]:
        return {"address": owner}

    def _say(self, side: Side | None, reason: str, **fields: str) -> None:
        if total := self._lines.admit((side, reason), time.monotonic()):
            log.warning("peer denied", side=side and side.value, reason=reason, total=total, **fields)

    # --- connections ----

    def _look(self) -> None:
        """Learn what has become of connections. The monitors' events are complete and in order: libzmq reports the end
        of a connection before it frees the routing id, and before it uses the descriptor again."""
        for side, monitor in self._monitors.items():
            for kind, value in monitor.take():
                if kind == zmq.EVENT_ACCEPTED:
                    self._accepted(side, value)
                elif kind == zmq.EVENT_DISCONNECTED:
                    if (connection := self._connections.ended(side, value)) is not None:
                        self._guests.ended(connection)
                else:
                    self._failed(side, kind, value)

    def _accepted(self, side: Side, number: int) -> None:
        self._numbers[side].accepted()
        name = name_of(number)
        connection = Connection(side, number, name, network_of(name[0]), self._stamp)
        for old in self._connections.accepted(connection):
            self._say(old.side, "too many connections that say nothing", address=old.address)
            shut_down(old)

    def _failed(self, side: Side, kind: int, value: int) -> None:
        """A handshake has failed."""
