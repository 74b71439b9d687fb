"""A door with keys. It lets in listed peers, each in the role it is listed for, as long as they are listed: it looks at
the lists once a second, and reads them again when it is told to. Nothing is sent to a connection on which nobody has
spoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import zmq

from filterfleet.broker.actions import Side
from filterfleet.broker.door.connections import Connection
from filterfleet.broker.door.descriptors import shut_down
from filterfleet.broker.door.door import Door, log
from filterfleet.broker.door.guests import Known
from filterfleet.broker.door.handshakes import Handshakes
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import AllowList, Role, allow_list, broker_pair, fingerprint
from filterfleet.common.keys.handshakes import MISMATCH
from filterfleet.common.wire import Payload

# Seconds between two looks at the lists. More leaves a key that was struck off in use for longer; less costs more.
LOOK = 1.0

ROLES = {Side.FRONTEND: Role.CLIENT, Side.BACKEND: Role.WORKER}


class GuardedDoor(Door):
    """A door with CURVE and the keys of a folder. Raises FleetError when anything is wrong with the keys."""

    owners = "key"

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], folder: Path, known: Known, peers: int) -> None:
        super().__init__(known, peers)
        self._folder = folder
        self._pair = broker_pair(folder)
        lists = {side: allow_list(folder, role) for side, role in ROLES.items()}
        if problems := [problem for found in lists.values() for problem in found.problems]:
            raise FleetError("\n".join(problems))
        self._names = {side: _texts(found) for side, found in lists.items()}
        self._seen = {side: fingerprint(folder, role) for side, role in ROLES.items()}
        self._next_look = 0.0
        self._handshakes = Handshakes(context)

    def guard(self, router: zmq.Socket[bytes], side: Side) -> None:
        super().guard(router, side)
        router.curve_server = True
        router.curve_publickey = self._pair.public
        router.curve_secretkey = self._pair.secret
        router.zap_domain = side.value.encode()
        router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without our answer nobody gets in

    def pollable(self) -> list[zmq.Socket[bytes] | int]:
        return [*super().pollable(), self._handshakes.socket]

    def turn(self, now: float, *, again: bool = False) -> list[tuple[Side, bytes]]:
        self._handshakes.take()
        gone = super().turn(now)  # looks at the monitors: an answer's stamp is later than what has happened so far
        for denied in self._handshakes.answer(now, self._names, self._next_stamp):
            self._say(denied.side, denied.reason, address=denied.address, key=denied.key)
        if again or now >= self._next_look:
            self._next_look = now + LOOK
            for side in self._changed(always=again):
                gone += [(side, peer) for peer in self._read_again(side)]
        return gone

    def _changed(self, *, always: bool) -> list[Side]:
        """The sides whose lists may have changed since the last look, or all of them."""
        before, self._seen = self._seen, {side: fingerprint(self._folder, role) for side, role in ROLES.items()}
        return [side for side, seen in self._seen.items() if always or seen not in (before[side], None)]

    def send(self, side: Side, router: zmq.Socket[bytes], peer: bytes, frames: Sequence[Payload]) -> None:
        """The routing id goes first, and libzmq chooses the connection by it. If that is another one than the one we
        know, then the end of ours has been reported by now."""
        connection = self._guests.connection(side, peer)
        if connection is None:
            raise zmq.ZMQError(zmq.EHOSTUNREACH)
        router.send(peer, zmq.DONTWAIT | zmq.SNDMORE)
        if self._monitors[side].has_news():
            self._look()
            if not connection.open:
                router.send(b"", zmq.DONTWAIT)  # a message that was begun has to be ended
                raise zmq.ZMQError(zmq.EHOSTUNREACH)
        router.send_multipart(frames, zmq.DONTWAIT, copy=False)

    def close(self) -> None:
        self._handshakes.close()

    def _next_stamp(self) -> int:
        self._stamp += 1
        return self._stamp

    def _is_of(self, connection: Connection, first: zmq.Frame) -> bool:
        return connection.credential == first.get("User-Id")

    def _who(self, side: Side, first: zmq.Frame) -> tuple[str, Connection | None] | None:
        credential = str(first.get("User-Id"))
        stamp, key = credential.split(" ", 1)
        connection = self._connections.find(side, first.get(zmq.SRCFD), int(stamp))
        if key not in self._names[side]:  # it was let in before its key was struck off
            if connection is not None:
                shut_down(connection)
            return None
        if connection is not None:
            connection.credential = credential
        return key, connection

    def _describe(self, side: Side, owner: str) -> dict[str, str]:
        return {"name": self._names[side].get(owner, "")}

    def _failed(self, side: Side, kind: int, value: int) -> None:
        if kind == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._say(side, "no CURVE key" if value == MISMATCH else "no handshake with this broker's key")

    def _read_again(self, side: Side) -> list[bytes]:
        """Read the allow-list. Return the routing ids of peers that have left it."""
        try:
            found = allow_list(self._folder, ROLES[side])
        except FleetError as error:
            log.error("allow-list not reloaded, the old one stays", side=side.value, error=str(error))
            return []
        for problem in found.problems:
            log.error("key left out", error=problem)
        before, self._names[side] = self._names[side], _texts(found)
        log.info("allow-list reloaded", side=side.value, keys=len(found.names))
        gone = self._guests.dismiss(side, self._names[side].keys())
        for peer, guest in gone:
            log.warning("peer cut off", side=side.value, name=before.get(guest.owner, ""), peer=peer.hex())
            if guest.connection is not None:
                shut_down(guest.connection)
        return [peer for peer, _guest in gone]


def _texts(found: AllowList) -> Mapping[str, str]:
    return {key.decode(): name for key, name in found.names.items()}
