"""The broker's two ROUTER sockets: how they are set up, bound, closed and bound again."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping

import zmq

from filterfleet.broker.actions import Side
from filterfleet.broker.door.door import Door
from filterfleet.broker.settings import LINGER, REBIND_PATIENCE, REBIND_PAUSE, RECEIVE_QUEUE, SEND_QUEUE
from filterfleet.common.errors import FleetError
from filterfleet.common.wire.messages import FRAME_LIMIT

LINGER_MS = int(1000 * LINGER)  # as libzmq takes it


class Sockets:
    """Both sockets are bound from the beginning. Raises FleetError when a port cannot be had."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], bind: str, ports: Mapping[Side, int], door: Door
    ) -> None:
        self._context = context
        self._bind = bind
        self._ports = ports
        self._door = door
        self._routers = {side: self._open(side) for side in Side}

    def __getitem__(self, side: Side) -> zmq.Socket[bytes]:
        return self._routers[side]

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close every connection. libzmq gets this long to send what is queued; the context must outlive it."""
        for side, router in self._routers.items():
            self._door.leave(side)
            router.close(linger=linger_ms)

    def open_again(self) -> None:
        """Bind new sockets after close(). Raises FleetError when the ports do not become free in time."""
        deadline = time.monotonic() + REBIND_PATIENCE
        for side in self._routers:
            self._routers[side] = self._open_in_time(side, deadline)

    def _open_in_time(self, side: Side, deadline: float) -> zmq.Socket[bytes]:
        while True:
            try:
                return self._open(side)
            except FleetError:  # libzmq closes sockets on a thread of its own
                if time.monotonic() >= deadline:
                    raise
                time.sleep(REBIND_PAUSE)

    def _open(self, side: Side) -> zmq.Socket[bytes]:
        bind, port = self._bind, self._ports[side]
        router = self._context.socket(zmq.ROUTER)
        router.router_mandatory = True
        router.maxmsgsize = FRAME_LIMIT
        router.sndhwm = SEND_QUEUE
        router.rcvhwm = RECEIVE_QUEUE
        router.linger = LINGER_MS
        router.ipv6 = ":" in bind
        self._door.guard(router, side)
        address = f"[{bind}]" if ":" in bind else bind
        try:
            router.bind(f"tcp://{address}:{port}")
        except zmq.ZMQError as error:
            self._door.leave(side)
            router.close(linger=0)
            raise FleetError(_why_not_bound(bind, port, error)) from None
        return router


def _why_not_bound(bind: str, port: int, error: zmq.ZMQError) -> str:
    if error.errno == zmq.EADDRINUSE:
        return f"Port {port} on {bind} is in use: stop what listens there, or choose another port."
    if error.errno in (errno.ENODEV, errno.EADDRNOTAVAIL):
        return f"This machine has no address {bind}: --bind takes an address of one of its own interfaces."
    return f"Cannot listen on {bind}:{port}: {error.strerror}."
