"""The door in front of the core. Without keys it lets in everybody who can reach the ports. With keys it lets in listed
peers, each in the role it is listed for, and after SIGHUP only those who are still listed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import zmq

from filterfleet.broker.actions import Side
from filterfleet.broker.door.guests import Guests, Known
from filterfleet.broker.door.zap import ADDRESS, judge
from filterfleet.broker.settings import DENIAL_INTERVAL
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import AllowList, Role, allow_list, broker_pair
from filterfleet.common.keys.handshakes import MISMATCH, Monitor
from filterfleet.common.logs import get_logger
from filterfleet.common.process.wakeup import ReloadSignal
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import Payload
from filterfleet.common.wire.frames import receive, receive_from

ROLES = {Side.FRONTEND: Role.CLIENT, Side.BACKEND: Role.WORKER}

Arrived = tuple[bytes, list[Payload]]  # routing id, frames behind it

log = get_logger("broker")


class Door(Protocol):
    def guard(self, router: zmq.Socket[bytes], side: Side) -> None:
        """Prepare the side's router. Comes before it is bound."""

    def pollable(self) -> list[zmq.Socket[bytes] | int]:
        """What to poll for input, which is a reason to call turn()."""

    def turn(self, now: float, /) -> list[tuple[Side, bytes]]:
        """Answer handshakes. Return the routing ids of peers that have lost the right to be here."""

    def receive(self, side: Side, router: zmq.Socket[bytes], limit: int, /) -> Iterator[Arrived]:
        """Messages that have arrived, `limit` at most. Messages of strangers count, and are left out."""

    def leave(self, side: Side) -> None:
        """Comes before the side's router is closed."""

    def close(self) -> None:
        """Comes after both sides have been left."""


class OpenDoor:
    """A door without keys."""

    def guard(self, router: zmq.Socket[bytes], side: Side) -> None:
        pass

    def pollable(self) -> list[zmq.Socket[bytes] | int]:
        return []

    def turn(self, _now: float, /) -> list[tuple[Side, bytes]]:
        return []

    def receive(self, _side: Side, router: zmq.Socket[bytes], limit: int, /) -> Iterator[Arrived]:
        for _ in range(limit):
            if (frames := receive(router)) is None:
                return
            yield bytes(frames[0]), frames[1:]

    def leave(self, side: Side) -> None:
        pass

    def close(self) -> None:
        pass


class GuardedDoor:
    """A door with CURVE and the keys of a folder. Raises FleetError when anything is wrong with the keys."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], folder: Path, known: Known) -> None:
        self._folder = folder
        self._pair = broker_pair(folder)
        lists = {side: allow_list(folder, role) for side, role in ROLES.items()}
        if problems := [problem for found in lists.values() for problem in found.problems]:
            raise FleetError("\n".join(problems))
        self._names = {side: _texts(found) for side, found in lists.items()}
        self._guests = Guests(known)
        self._intruded: set[tuple[Side, bytes]] = set()  # routing ids that another key has taken over
        self._monitors: dict[Side, Monitor] = {}
        self._lines = RateLimit(1, DENIAL_INTERVAL)
        self._zap = context.socket(zmq.REP)
        self._zap.linger = 0
        self._zap.bind(ADDRESS)
        self._reload = ReloadSignal()

    def guard(self, router: zmq.Socket[bytes], side: Side) -> None:
        router.curve_server = True
        router.curve_publickey = self._pair.public
        router.curve_secretkey = self._pair.secret
        router.zap_domain = side.value.encode()
        router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without our answer nobody gets in
        self._monitors[side] = Monitor(router)

    def pollable(self) -> list[zmq.Socket[bytes] | int]:
        return [self._zap, self._reload.fileno(), *(monitor.socket for monitor in self._monitors.values())]

    def turn(self, now: float) -> list[tuple[Side, bytes]]:
        self._answer(now)
        for side, monitor in self._monitors.items():
            for kind, value in monitor.take():
                if kind == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                    reason = "no CURVE key" if value == MISMATCH else "no handshake with this broker's key"
                    self._say(now, side, reason)
        gone = list(self._intruded)
        for side, peer in self._intruded:
            self._guests.forget(side, peer)
        self._intruded.clear()
        if self._reload.take():
            for side in ROLES:
                gone += [(side, peer) for peer in self._read_again(side)]
        return gone

    def _answer(self, now: float) -> None:
        while self._zap.poll(0):
            ruling = judge(self._zap.recv_multipart(), self._names)
            self._zap.send_multipart(ruling.reply)
            if not ruling.allowed:
                self._say(now, ruling.side, "its key is not listed", address=ruling.address, key=ruling.key)

    def _say(self, now: float, side: Side | None, reason: str, **fields: str) -> None:
        if total := self._lines.admit((side, reason), now):
            log.warning("peer denied", side=side and side.value, reason=reason, total=total, **fields)

    def receive(self, side: Side, router: zmq.Socket[bytes], limit: int) -> Iterator[Arrived]:
        allowed = self._names[side]
        for _ in range(limit):
            if (arrived := receive_from(router)) is None:
                return
            key, frames = arrived
            peer = bytes(frames[0])
            if key not in allowed:
                continue  # its connection was let in before its key was struck off
            if self._guests.admits(side, peer, key):
                yield peer, frames[1:]
            elif (side, peer) not in self._intruded:  # a routing id has one connection: its owner's has ended
                self._say(time.monotonic(), side, "routing id of another key", peer=peer.hex(), name=allowed[key])
                self._intruded.add((side, peer))

    def _read_again(self, side: Side) -> list[bytes]:
        """Read the allow-list. Return the routing ids of peers that are no longer listed."""
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
        for peer, key in gone:
            log.warning("peer cut off", side=side.value, name=before.get(key, ""), peer=peer.hex())
        return [peer for peer, _key in gone]

    def leave(self, side: Side) -> None:
        self._monitors.pop(side).close()

    def close(self) -> None:
        self._zap.close()
        self._reload.close()


def _texts(found: AllowList) -> Mapping[str, str]:
    return {key.decode(): name for key, name in found.names.items()}
