"""Asks brokers how they and their fleets are, once, and without becoming a client that submits anything.

Whoever has a client's key asks at the frontend. Whoever has only a worker's key may ask too, at the backend, and is
told less: numbers, and the workers of the same key.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection
from typing import Any, NamedTuple

import zmq

from filterfleet.common.address import host_in
from filterfleet.common.client.brokers import addresses, shown_address
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import PeerKeys, Role, has_secret, peer_keys
from filterfleet.common.payload import Payload
from filterfleet.common.wire import Status, StatusRequest, encode, new_identity, parse
from filterfleet.common.wire.frames import poll
from filterfleet.common.wire.peer import PeerSocket

# Seconds that a broker has to answer. More forgives a busier one; less says sooner that it is silent.
PATIENCE = 5.0
# Seconds that TCP has to connect, which is the work of kernels and not of a broker. More forgives a lost packet, which
# is sent again after a second; less says sooner that a host is not there.
REACH = 2.0
# Seconds for another try, which finds out why the first has failed. More finds slower machines; less says it sooner.
PROBE = 0.5
LOOK = 0.02  # seconds between two looks at whether it lets us in


class Answer(NamedTuple):
    """Of one broker: its report, or a sentence that says why there is none. brief: it was asked with a worker's key.
    silent: there is nobody; otherwise a broker without a report has refused to give one. heard_at: in seconds since the
    epoch, by our clock."""

    broker: str
    report: Mapping[str, Any] | None
    problem: str = ""
    brief: bool = False
    silent: bool = False
    heard_at: float = 0.0


class _SilentError(FleetError):
    """Nobody answers."""


def ask(brokers: str, frontend_port: int, backend_port: int, keys: Path | None = None) -> list[Answer]:
    """What each of these brokers says, in their order. Raises FleetError for keys that cannot be used."""
    own = _keys(keys)
    brief = own is not None and own.role is Role.WORKER
    all_of_them = addresses(brokers, backend_port if brief else frontend_port)

    def one(address: str) -> Answer:
        try:
            report = _report(address, own)
            return Answer(shown_address(address), report, brief=brief, heard_at=time.time())
        except FleetError as error:
            return Answer(shown_address(address), None, str(error), brief, isinstance(error, _SilentError))

    if len(all_of_them) == 1:
        return [one(all_of_them[0])]
    with ThreadPoolExecutor(len(all_of_them)) as pool:
        return list(pool.map(one, all_of_them))


def _keys(folder: Path | None) -> PeerKeys | None:
    """A client's, if there are any: it is told more."""
    if folder is None:
        return None
    only_works = has_secret(folder, Role.WORKER) and not has_secret(folder, Role.CLIENT)
    return peer_keys(folder, Role.WORKER if only_works else Role.CLIENT)


def _report(address: str, keys: PeerKeys | None) -> Mapping[str, Any]:
    """Raises FleetError."""
    socket = PeerSocket(keys, role="command")
    try:
        socket.open(new_identity(random.SystemRandom()), address)
        socket.send(encode([StatusRequest()]))
        poller = zmq.Poller()
        poller.register(socket.pollable, zmq.POLLIN)
        began = time.monotonic()
        while (waited := time.monotonic() - began) < (PATIENCE if socket.reached else REACH):
            poll(poller, LOOK)
            if (refusal := socket.refusal()) is not None:
                raise FleetError(refusal)
            if reports := socket.receive(reports_in):
                return reports[0]
            if socket.turned_down and not socket.reached:
                break
        reached = socket.reached
    finally:
        socket.close()
    shown = shown_address(address)
    if not reached and not _is_refused(address):
        raise _SilentError(
            f"No broker answers at {shown} because no connection can be made: look at --broker and the ports, at the "
            "network, and at firewalls on the way."
        )
    why = f"within {waited:.0f} s" if reached else "because nothing listens there"
    raise _SilentError(
        f"No broker answers at {shown} {why}: start one there with `filterfleet broker`, or name another with --broker "
        "and the ports."
    )


def _is_refused(address: str) -> bool:
    """Whether the machine is there, and nothing listens at this port. libzmq does not tell what has gone wrong."""
    try:
        create_connection((host_in(address), int(address.rpartition(":")[2])), PROBE).close()
    except ConnectionRefusedError:
        return True
    except (OSError, UnicodeError):
        return False
    return True  # by now there is somebody


def reports_in(frames: list[Payload]) -> list[Mapping[str, Any]]:
    """The reports in one message of a broker. Raises ProtocolError."""
    parsed = parse(frames, extended=True)
    return [message.report for message in parsed if isinstance(message, Status)] if isinstance(parsed, list) else []
