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
from typing import Any, NamedTuple

import zmq

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
LOOK = 0.02  # seconds between two looks at whether it lets us in


class Answer(NamedTuple):
    """Of one broker: its report, or a sentence that says why there is none. brief: it was asked with a worker's key.
    silent: there is nobody; otherwise a broker without a report has refused to give one."""

    broker: str
    report: Mapping[str, Any] | None
    problem: str = ""
    brief: bool = False
    silent: bool = False


class _SilentError(FleetError):
    """Nobody answers."""


def ask(brokers: str, frontend_port: int, backend_port: int, keys: Path | None = None) -> list[Answer]:
    """What each of these brokers says, in their order. Raises FleetError for keys that cannot be used."""
    own = _keys(keys)
    brief = own is not None and own.role is Role.WORKER
    all_of_them = addresses(brokers, backend_port if brief else frontend_port)

    def one(address: str) -> Answer:
        try:
            return Answer(shown_address(address), _report(address, own), brief=brief)
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
                raise _nobody(address, "because nothing listens there")
    finally:
        socket.close()
    raise _nobody(address, f"within {waited:.0f} s")


def _nobody(address: str, why: str) -> FleetError:
    return _SilentError(
        f"No broker answers at {shown_address(address)} {why}: start one there with `filterfleet broker`, or name "
        "another with --broker and the ports."
    )


def reports_in(frames: list[Payload]) -> list[Mapping[str, Any]]:
    """The reports in one message of a broker. Raises ProtocolError."""
    parsed = parse(frames, extended=True)
    return [message.report for message in parsed if isinstance(message, Status)] if isinstance(parsed, list) else []
