"""The broker's door: whom a routing id belongs to, which connections make room, and what ZAP answers."""

from __future__ import annotations

import itertools

from zmq.utils import z85

from filterfleet.broker.actions import Side
from filterfleet.broker.door.connections import Connection, Connections
from filterfleet.broker.door.guests import Guests, Ruling
from filterfleet.broker.door.zap import judge
from tests.fuzz.scripts import Step, unpack

SIDES = tuple(Side)
KEYS = tuple(bytes((number,)) * 32 for number in range(4))
OWNERS = tuple(z85.encode(key).decode() for key in KEYS)
LISTED = {Side.FRONTEND: dict.fromkeys(OWNERS[:2], "client"), Side.BACKEND: dict.fromkeys(OWNERS[1:3], "worker")}
PLACES, TOTAL, SHARE = 6, 8, 2.0
SILENT, SILENT_OF_ADDRESS = 5, 3


def door(script: bytes) -> None:
    """A step's `who` is what happens, and `quiet` to whom. The frames of a step are a ZAP request."""
    street = _Street()
    for step in unpack(script):
        if step.frames:
            _check_judgement([bytes(frame) for frame in step.frames])
        street.happen(step)
        street.check()


def request(side: bytes, key: bytes) -> tuple[bytes, ...]:
    """What libzmq asks in a handshake."""
    return b"1.0", b"1", side, b"192.0.2.1", b"", b"CURVE", key


def _check_judgement(frames: list[bytes]) -> None:
    """Only a complete request of a key that is listed on its side is allowed."""
    ruling = judge(frames, LISTED)
    for side, owners in LISTED.items():
        for owner in owners:
            key = z85.decode(owner.encode())
            if len(frames) == 7 and (frames[0], frames[2], frames[5], frames[6]) == (
                b"1.0",
                side.value.encode(),
                b"CURVE",
                key,
            ):
                assert ruling.allowed
                assert (ruling.side, ruling.key) == (side, owner)
                return
    assert not ruling.allowed


class _Street:
    """People come to the door. This is written so simply that it cannot be wrong."""

    def __init__(self) -> None:
        self._known: set[tuple[Side, bytes]] = set()
        self._guests = Guests(lambda side, peer: (side, peer) in self._known, PLACES, TOTAL, SHARE)
        self._connections = Connections(SILENT, SILENT_OF_ADDRESS)
        self._open: list[Connection] = []
        self._spoken: dict[tuple[Side, bytes], tuple[str, Connection]] = {}  # who spoke last under an id that is bound
        self._ports = itertools.count(1)

    def happen(self, step: Step) -> None:
        side, number = SIDES[step.who % 2], step.quiet
        peer, owner = b"%d" % (number % 8), OWNERS[number // 8 % 4]
        match step.who // 2 % 6:
            case 0:
                self._connect(side, f"address {number % 2}")
            case 1 | 2 if self._open:
                self._speak(self._open[number // 32 % len(self._open)], peer, owner)
            case 3 if self._open:
                self._end(self._open[number % len(self._open)])
            case 4:
                self._learn_or_forget((side, peer))
            case 5:
                self._strike_off(side, owner)

    def _learn_or_forget(self, key: tuple[Side, bytes]) -> None:
        """The core knows only peers that have come in."""
        if key in self._known:
            self._known.remove(key)
        elif self._bound(key) is not None:
            self._known.add(key)
        self._guests.tidy()

    def _connect(self, side: Side, address: str) -> None:
        port = next(self._ports)
        connection = Connection(side, port, (address, port), address, 0)
        self._open.append(connection)
        for surplus in self._connections.accepted(connection):
            assert surplus.peer is None, "one that has spoken makes room"
            self._end(surplus)

    def _speak(self, connection: Connection, peer: bytes, owner: str) -> None:
        if connection.peer is not None and connection.peer != peer:
            return  # a connection has one routing id
        key = connection.side, peer
        bound = self._bound(key)
        before = self._of_owner(connection.side, owner)
        ruling = self._guests.admit(connection.side, peer, owner, connection)
        if bound is not None and bound != owner:
            assert ruling is Ruling.TAKEN, "the id of another"
        elif ruling is Ruling.WELCOME:
            left = TOTAL - len(self._guests) + 1
            assert bound or key in self._spoken or before + 1 <= SHARE * left, "more than a share"
            self._connections.heard(connection, peer)
            self._spoken[key] = owner, connection
        else:
            assert bound is None, "an id is refused to its owner"

    def _bound(self, key: tuple[Side, bytes]) -> str | None:
        """The owner of this routing id, as long as it is owed or sent anything."""
        if key not in self._spoken:
            return None
        owner, connection = self._spoken[key]
        return owner if connection.open or key in self._known else None

    def _of_owner(self, side: Side, owner: str) -> int:
        return sum(self._guests.owner(where, peer) == owner for where, peer in self._spoken if where is side)

    def _end(self, connection: Connection) -> None:
        self._open.remove(connection)
        if (ended := self._connections.ended(connection.side, connection.number)) is not None:
            self._guests.ended(ended)

    def _strike_off(self, side: Side, owner: str) -> None:
        gone = {peer for peer, _ in self._guests.dismiss(side, set(OWNERS) - {owner})}
        for key in [key for key, (other, _) in self._spoken.items() if key[0] is side and other == owner]:
            if self._bound(key) is not None:
                assert key[1] in gone, "somebody who is struck off stays"
            self._known.discard(key)
            _, connection = self._spoken.pop(key)
            if connection.open:
                self._end(connection)
        assert not any(self._guests.owner(side, b"%d" % number) == owner for number in range(8))

    def check(self) -> None:
        """What is sent goes to open connections only, on which the owner has spoken, and everything has its limit."""
        for side, peer in itertools.product(SIDES, (b"%d" % number for number in range(8))):
            connection = self._guests.connection(side, peer)
            if connection is not None:
                assert connection.open
                assert self._spoken[side, peer] == (self._guests.owner(side, peer), connection)
        assert len(self._guests) <= TOTAL
        silent = [connection for connection in self._open if connection.peer is None]
        assert len(silent) <= SILENT
        for address in ("address 0", "address 1"):
            assert sum(connection.address == address for connection in silent) <= SILENT_OF_ADDRESS
        assert len(self._connections) == len(self._open)
