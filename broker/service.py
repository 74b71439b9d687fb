"""The socket loop around the core: drain both ROUTERs, tick, act, sleep until something happens."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import random
import secrets
import time
from pathlib import Path

import zmq

from filterfleet.broker.actions import Action, Note, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.door import memory
from filterfleet.broker.door.door import Door, GuardedDoor, OpenDoor
from filterfleet.broker.settings import Settings
from filterfleet.common.errors import FleetError, FloodError
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire.frames import poll, send
from filterfleet.common.wire.messages import FRAME_LIMIT

# Messages of one side, and seconds, until the other side and the clock get their turn.
DRAIN_LIMIT, DRAIN_TIME = 512, 0.1
SEND_QUEUE = 4096  # messages libzmq keeps for one peer; beyond them the peer counts as unreachable
RECEIVE_QUEUE = 64  # messages libzmq keeps of one peer; beyond them its connection waits
REBIND_PATIENCE = 10.0  # seconds for the ports to be free again after we have hung up
LINES, PERIOD = 100, 60.0  # of each kind of event, log lines in so many seconds

log = get_logger("broker")


class BrokerService:
    """keys is the broker's key folder, None: anybody may use it. Raises FleetError when it cannot start."""

    def __init__(
        self, bind: str, frontend_port: int, backend_port: int, settings: Settings, keys: Path | None = None
    ) -> None:
        # libzmq names anonymous peers by rand(), which it never seeds: without this their routing ids
        # repeat in every life, and a peer that claims the next one makes libzmq abort the process.
        ctypes.CDLL(None).srand(secrets.randbits(32))
        self._context = zmq.Context()
        self._core = BrokerCore(settings, random.SystemRandom(), time.monotonic())
        self._memory = memory.MemoryWatch(settings.spare)
        self._lines = RateLimit(LINES, PERIOD)
        self._bind = bind
        self._ports = {Side.FRONTEND: frontend_port, Side.BACKEND: backend_port}
        try:
            self._door: Door = GuardedDoor(self._context, keys, self._core.knows) if keys else OpenDoor()
            self._sockets = {side: self._router(side) for side in Side}
        except FleetError:
            self._context.destroy(linger=0)
            raise
        log.info(
            "broker started",
            bind=bind,
            frontend_port=frontend_port,
            backend_port=backend_port,
            life=self._core.life.hex(),
        )

    def _router(self, side: Side) -> zmq.Socket[bytes]:
        bind, port = self._bind, self._ports[side]
        router = self._context.socket(zmq.ROUTER)
        router.router_mandatory = True
        router.maxmsgsize = FRAME_LIMIT
        router.sndhwm = SEND_QUEUE
        router.rcvhwm = RECEIVE_QUEUE
        router.linger = 1000
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

    def run(self, stop: StopSignal, notifier: Notifier) -> None:
        """Serve until told to stop."""
        poller = self._poller(stop)
        notifier.ready()
        while not stop.is_set:
            poll(poller, min(self._core.deadline() - time.monotonic(), memory.INTERVAL))
            notifier.alive()
            try:
                self._turn()
                flooded = self._memory.exceeded(self._core.known_bytes, time.monotonic())
            except FloodError:
                flooded = True
            if flooded:
                self._hang_up()
                poller = self._poller(stop)
        log.info("broker stopped", **self._core.report())
        for side in self._sockets:
            self._door.leave(side)
        self._door.close()
        self._context.destroy(linger=1000)

    def _poller(self, stop: StopSignal) -> zmq.Poller:
        poller = zmq.Poller()
        for waited_for in (*self._sockets.values(), *self._door.pollable(), stop.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        return poller

    def _turn(self) -> None:
        """Raises FloodError; what was to be said before is lost then, as everybody's connections will be."""
        actions: list[Action] = []
        for side, peer in self._door.turn(time.monotonic()):
            actions += self._core.on_unreachable(side, peer, time.monotonic())
        for side, socket in self._sockets.items():
            until = time.monotonic() + DRAIN_TIME
            for peer, frames in self._door.receive(side, socket, DRAIN_LIMIT):
                actions += self._core.on_message(side, peer, frames, time.monotonic())
                if time.monotonic() >= until:
                    break
        actions += self._core.on_tick(time.monotonic())
        while actions:
            actions = self._act(actions)

    def _hang_up(self) -> None:
        """Close every connection, with what libzmq holds for it, and listen again."""
        event = "messages without end: all connections are closed"
        if self._lines.admit(event, time.monotonic()):
            log.error(event, known_bytes=self._core.known_bytes)
        for side, socket in self._sockets.items():
            self._door.leave(side)
            socket.close(linger=0)
        self._memory.settle(self._core.known_bytes)
        deadline = time.monotonic() + REBIND_PATIENCE
        for side in self._sockets:
            self._sockets[side] = self._bound_again(side, deadline)

    def _bound_again(self, side: Side, deadline: float) -> zmq.Socket[bytes]:
        while True:
            try:
                return self._router(side)
            except FleetError:  # libzmq closes on a thread of its own
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)

    def _act(self, actions: list[Action]) -> list[Action]:
        """Carry the actions out; what they lead to comes back."""
        more: list[Action] = []
        for item in multiparts(actions, self._core.settings.inline_limit):
            if isinstance(item, Note):
                if self._lines.admit(item.event, time.monotonic()):
                    log.info(item.event, **item.fields)
                continue
            side, peer, frames = item
            try:
                send(self._sockets[side], [peer, *frames])
            except zmq.ZMQError:  # EHOSTUNREACH, or EAGAIN: a queue full of what it does not read
                more += self._core.on_unreachable(side, peer, time.monotonic())
        return more


def _why_not_bound(bind: str, port: int, error: zmq.ZMQError) -> str:
    if error.errno == zmq.EADDRINUSE:
        return f"Port {port} on {bind} is in use: stop what listens there, or choose another port."
    if error.errno in (errno.ENODEV, errno.EADDRNOTAVAIL):
        return f"This machine has no address {bind}: --bind takes an address of one of its own interfaces."
    return f"Cannot listen on {bind}:{port}: {error.strerror}."


def serve(
    bind: str,
    frontend_port: int,
    backend_port: int,
    keys: Path | None = None,
    *,
    insecure: bool = False,
    settings: Settings | None = None,
) -> None:
    """Run a broker until SIGTERM or SIGINT. Without keys only on loopback, unless insecure."""
    if frontend_port == backend_port:
        raise FleetError("The frontend and the backend need two different ports.")
    if not keys and not _is_loopback(bind):
        if not insecure:
            raise FleetError(
                f"Whoever reaches {bind} could use this fleet: make keys with `filterfleet keys FOLDER` and name them "
                "with --keys FOLDER, or say --insecure where everybody who can connect is trusted."
            )
        log.warning("no keys: whoever reaches the ports can use the fleet", bind=bind)
    with contextlib.closing(StopSignal()) as stop:
        BrokerService(bind, frontend_port, backend_port, settings or Settings(), keys).run(stop, Notifier())


def _is_loopback(bind: str) -> bool:
    """A name is one of an interface, as libzmq has it."""
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "lo"
