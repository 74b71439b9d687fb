"""The socket loop around the core: drain both ROUTERs, tick, act, sleep until something happens."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import zmq

from filterfleet.broker.actions import Action, Note, Side
from filterfleet.broker.backlog import Backlog
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.door.door import Door
from filterfleet.broker.door.guarded import GuardedDoor
from filterfleet.broker.door.memory import MemoryWatch
from filterfleet.broker.metrics import broker_families
from filterfleet.broker.settings import (
    DRAIN_LIMIT,
    DRAIN_TIME,
    GATHER,
    LOG_LINES,
    LOG_PERIOD,
    MEMORY_INTERVAL,
    Settings,
)
from filterfleet.broker.sockets import LINGER_MS, Sockets
from filterfleet.broker.telling import Telling
from filterfleet.common.errors import FleetError, FloodError
from filterfleet.common.logs import get_logger
from filterfleet.common.metrics.board import Board
from filterfleet.common.metrics.families import Family
from filterfleet.common.metrics.processes import process_families
from filterfleet.common.metrics.serving import serving
from filterfleet.common.metrics.telling import Teller
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import ReloadSignal, StopSignal
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire.frames import Ready, poll

FLOOD = "messages without end: all connections are closed"

log = get_logger("broker")


@dataclass(frozen=True, slots=True)
class Rereading:
    """settings() reads them again, when the signal has come."""

    signal: ReloadSignal
    settings: Callable[[], object]

    def take(self) -> bool:
        """Whether the signal has come since the last call. If so, the settings have been read again."""
        if came := self.signal.take():
            self.settings()
        return came


class BrokerService:
    """`keys` is the broker's key folder; with None anybody may use it. Its metrics are asked for at the board. Raises
    FleetError when it cannot start."""

    def __init__(
        self,
        bind: str,
        frontend_port: int,
        backend_port: int,
        settings: Settings,
        keys: Path | None = None,
        board: Board | None = None,
    ) -> None:
        # libzmq names anonymous peers by rand(), which it never seeds. Without this their routing ids would repeat
        # in every life, and a peer that claims the next one would make libzmq abort the process.
        ctypes.CDLL(None).srand(secrets.randbits(32))
        self._context = zmq.Context()
        self._backlog = Backlog()
        self._core = BrokerCore(
            settings, random.SystemRandom(), time.monotonic(), self._backlog, self._whereabouts, time.time
        )
        self._board = board or Board()
        self._memory = MemoryWatch(settings.spare)
        self._lines = RateLimit(LOG_LINES, LOG_PERIOD)
        self._next_turn = 0.0  # when the broker has time
        ports = {Side.FRONTEND: frontend_port, Side.BACKEND: backend_port}
        try:
            self._door = self._build_door(keys)
            self._sockets = Sockets(self._context, bind, ports, self._door)
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

    def _build_door(self, keys: Path | None) -> Door:
        knows, peers = self._core.knows, self._core.settings.peers
        return GuardedDoor(self._context, keys, knows, peers) if keys else Door(knows, peers)

    def run(self, stop: StopSignal, notifier: Notifier, reread: Rereading | None = None) -> None:
        """Serve until told to stop. reread: when files are to be read again."""
        signals = [stop.fileno(), *((reread.signal.fileno(),) if reread else ())]
        poller = self._poller(signals)
        teller = Teller(notifier)
        telling = Telling(self._core, notifier)
        notifier.ready()
        while not stop.is_set:
            ready = self._wait(poller)
            notifier.alive()
            self._board.answer(self._families)
            teller.turn(self._families)
            telling.look()
            try:
                self._turn(ready, again=reread is not None and reread.take())
                flooded = self._memory.exceeded(self._core.known_bytes, time.monotonic())
            except FloodError:
                flooded = True
            if flooded:
                self._hang_up()
                poller = self._poller(signals)
        report = self._core.report(time.monotonic())
        log.info("broker stopped", tasks=report.tasks, workers=len(report.workers), **report.counters)
        self._sockets.close()
        self._door.close()
        self._context.destroy(linger=LINGER_MS)

    def _families(self) -> list[Family]:
        return broker_families(self._core.report(time.monotonic()), self._door.connections)

    def _whereabouts(self, side: Side, peer: bytes) -> tuple[str, str]:
        return self._door.whereabouts(side, peer)

    def _wait(self, poller: zmq.Poller) -> Collection[Ready]:
        """Wait for something to do. While nobody waits for us, messages gather for a moment: each turn costs time."""
        now = time.monotonic()
        if now < self._next_turn and self._core.has_time:
            time.sleep(self._next_turn - now)
            now = time.monotonic()
        ready = poll(poller, min(self._core.deadline() - now, MEMORY_INTERVAL))
        self._next_turn = time.monotonic() + GATHER
        return ready

    def _poller(self, signals: Iterable[int]) -> zmq.Poller:
        poller = zmq.Poller()
        for waited_for in (*map(self._sockets.__getitem__, Side), *self._door.pollable(), *signals):
            poller.register(waited_for, zmq.POLLIN)
        return poller

    def _turn(self, ready: Collection[Ready], *, again: bool) -> None:
        """again: read the keys again. Raises FloodError. Actions that were still to be carried out are lost then, like
        everybody's connections."""
        actions: list[Action] = []
        for side, peer in self._door.turn(time.monotonic(), again=again):
            actions += self._core.on_dismissed(side, peer, time.monotonic())
        for side in Side:
            if self._sockets[side] in ready:
                actions += self._hear(side)
        actions += self._core.on_tick(time.monotonic())
        while actions:
            actions = self._act(actions)

    def _hear(self, side: Side) -> list[Action]:
        """Take what has arrived at this side's port."""
        actions: list[Action] = []
        now = time.monotonic()
        until = now + DRAIN_TIME
        for peer, frames in self._door.receive(side, self._sockets[side], DRAIN_LIMIT):
            actions += self._core.on_message(side, peer, frames, now, self._door.owner(side, peer))
            if (now := time.monotonic()) >= until:
                break
        return actions

    def _act(self, actions: list[Action]) -> list[Action]:
        """Carry out the actions, and return those that follow from them."""
        more: list[Action] = []
        for item in multiparts(actions, self._core.settings.inline_limit):
            if isinstance(item, Note):
                if not item.limited or self._lines.admit(item.event, time.monotonic()):
                    log.at(item.level, item.event, item.fields)
                continue
            side, peer, frames = item
            try:
                self._door.send(side, self._sockets[side], peer, self._backlog.lent(side, peer, frames))
            except zmq.ZMQError:  # EHOSTUNREACH, or EAGAIN: the peer does not read, and its queue is full
                more += self._core.on_unreachable(side, peer, time.monotonic())
        return more

    def _hang_up(self) -> None:
        """Close every connection, with everything that libzmq holds for it, and listen again."""
        if self._lines.admit(FLOOD, time.monotonic()):
            log.error(FLOOD, known_bytes=self._core.known_bytes)
        self._sockets.close(linger_ms=0)
        self._memory.settle(self._core.known_bytes)
        self._sockets.open_again()


def serve(
    bind: str,
    frontend_port: int,
    backend_port: int,
    keys: Path | None = None,
    *,
    insecure: bool = False,
    settings: Settings | None = None,
    metrics: str | None = None,
    reread: Callable[[], object] = lambda: None,
) -> None:
    """Run a broker until SIGTERM or SIGINT. Without keys it listens on loopback only, unless `insecure` is set.
    metrics is where they are served, as in common.metrics.serving. SIGHUP has the keys read again, after reread()."""
    if frontend_port == backend_port:
        raise FleetError("The frontend and the backend need two different ports.")
    if not keys and not _is_loopback(bind):
        if not insecure:
            raise FleetError(
                f"Without keys, everybody who can reach {bind} could use this fleet: make keys with `filterfleet keys "
                "FOLDER` and pass them with --keys FOLDER, or add --insecure if you trust everybody who can connect."
            )
        log.warning("no keys: everybody who can reach the ports can use the fleet", bind=bind)
    with contextlib.closing(StopSignal()) as stop, contextlib.closing(ReloadSignal()) as reload:
        board = Board()
        with serving(metrics, lambda: lambda: [*board.ask(), *process_families({"broker": os.getpid()})]):
            service = BrokerService(bind, frontend_port, backend_port, settings or Settings(), keys, board)
            service.run(stop, Notifier(), Rereading(reload, reread))


def _is_loopback(bind: str) -> bool:
    """Whether only this machine can reach the address. A name is the name of an interface: libzmq resolves no hosts."""
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "lo"
