"""The socket loop around the core: drain both ROUTERs, tick, act, sleep until something happens."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import random
import secrets
import time
from collections.abc import Iterator

import zmq

from broker.actions import Action, Note, Side
from broker.batching import multiparts
from broker.core import BrokerCore
from broker.settings import Settings
from common.errors import FleetError
from common.frames import poll, receive, send
from common.logs import get_logger
from common.notify import Notifier
from common.protocol import Payload
from common.protocol.messages import INLINE_LIMIT
from common.wakeup import StopSignal

DRAIN_LIMIT = 512  # messages of one side handled before the other side and the clock get their turn
SEND_QUEUE = 4096  # messages libzmq keeps for one peer; beyond them the peer counts as unreachable

log = get_logger("broker")


class BrokerService:
    """Raises FleetError when it cannot bind."""

    def __init__(self, bind: str, frontend_port: int, backend_port: int, settings: Settings) -> None:
        # libzmq names anonymous peers by rand(), which it never seeds: without this their routing ids
        # repeat in every life, and a peer that claims the next one makes libzmq abort the process.
        ctypes.CDLL(None).srand(secrets.randbits(32))
        self._context = zmq.Context()
        try:
            self._sockets = {
                Side.FRONTEND: self._router(bind, frontend_port),
                Side.BACKEND: self._router(bind, backend_port),
            }
        except FleetError:
            self._context.destroy(linger=0)
            raise
        self._core = BrokerCore(settings, random.SystemRandom(), time.monotonic())
        log.info(
            "broker started",
            bind=bind,
            frontend_port=frontend_port,
            backend_port=backend_port,
            life=self._core.life.hex(),
        )

    def _router(self, bind: str, port: int) -> zmq.Socket[bytes]:
        router = self._context.socket(zmq.ROUTER)
        router.router_mandatory = True
        router.maxmsgsize = INLINE_LIMIT + (1 << 20)
        router.sndhwm = SEND_QUEUE
        router.linger = 1000
        router.ipv6 = ":" in bind
        address = f"[{bind}]" if ":" in bind else bind
        try:
            router.bind(f"tcp://{address}:{port}")
        except zmq.ZMQError as error:
            raise FleetError(_why_not_bound(bind, port, error)) from None
        return router

    def run(self, stop: StopSignal, notifier: Notifier) -> None:
        """Serve until told to stop."""
        poller = zmq.Poller()
        for socket in self._sockets.values():
            poller.register(socket, zmq.POLLIN)
        poller.register(stop.fileno(), zmq.POLLIN)
        notifier.ready()
        while not stop.is_set:
            poll(poller, self._core.deadline() - time.monotonic())
            notifier.alive()
            actions: list[Action] = []
            for side, peer, frames in self._arrived():
                actions += self._core.on_message(side, peer, frames, time.monotonic())
            actions += self._core.on_tick(time.monotonic())
            while actions:
                actions = self._act(actions)
        log.info("broker stopped", **self._core.report())
        self._context.destroy(linger=1000)

    def _arrived(self) -> Iterator[tuple[Side, bytes, list[Payload]]]:
        for side, socket in self._sockets.items():
            for _ in range(DRAIN_LIMIT):
                frames = receive(socket)
                if frames is None:
                    break
                yield side, bytes(frames[0]), frames[1:]

    def _act(self, actions: list[Action]) -> list[Action]:
        """Carry the actions out; what they lead to comes back."""
        more: list[Action] = []
        for item in multiparts(actions, self._core.settings.inline_limit):
            if isinstance(item, Note):
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


def serve(bind: str, frontend_port: int, backend_port: int, settings: Settings | None = None) -> None:
    """Run a broker until SIGTERM or SIGINT."""
    if frontend_port == backend_port:
        raise FleetError("The frontend and the backend need two different ports.")
    with contextlib.closing(StopSignal()) as stop:
        BrokerService(bind, frontend_port, backend_port, settings or Settings()).run(stop, Notifier())
