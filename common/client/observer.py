"""Asks a broker again and again how it is, on one connection, without becoming a client of it."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import zmq

from filterfleet.common.client.asking import reports_in
from filterfleet.common.client.brokers import addresses
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.wire import StatusRequest, encode, new_identity
from filterfleet.common.wire.frames import poll
from filterfleet.common.wire.peer import PeerSocket

LOOK = 0.05  # seconds between two looks at whether somebody asks, or the broker lets us in
# Seconds without an answer after which another broker is asked, if there are several. More forgives a busy one.
SILENCE = 4.0


class Observer:
    """status() may be called by any thread. Answers come in the order of the questions; a question whose answer is lost
    is never answered. Raises FleetError for keys that cannot be used."""

    def __init__(self, brokers: str, port: int, keys: Path | None = None) -> None:
        self.refusal: str | None = None  # why the broker does not let us in, if it says so
        self._addresses = deque(addresses(brokers, port))
        self._socket = PeerSocket(None if keys is None else peer_keys(keys, Role.CLIENT), role="dashboard")
        self._asked: queue.SimpleQueue[Future[dict[str, Any]] | None] = queue.SimpleQueue()
        self._waiting: deque[Future[dict[str, Any]]] = deque()
        self._silent_since = 0.0
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def status(self) -> Future[dict[str, Any]]:
        """The broker's report."""
        future: Future[dict[str, Any]] = Future()
        future.set_running_or_notify_cancel()  # from now on nobody can cancel it
        self._asked.put(future)
        return future

    def close(self) -> None:
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        self._open()
        poller = zmq.Poller()
        poller.register(self._socket.pollable, zmq.POLLIN)
        while (future := self._asked.get()) is not None:
            self._silent_since = self._silent_since or time.monotonic()
            self._waiting.append(future)
            self._send()
            while self._waiting and self._asked.empty():
                poll(poller, LOOK)
                self._hear()
                if self._is_silent():
                    poller.unregister(self._socket.pollable)
                    self._addresses.rotate(-1)
                    self._open()
                    poller.register(self._socket.pollable, zmq.POLLIN)
        self._socket.close()

    def _open(self) -> None:
        """Ask the first of the brokers, also what another one has not answered."""
        self._socket.open(new_identity(random.SystemRandom()), self._addresses[0])
        self._silent_since = time.monotonic() if self._waiting else 0.0
        for _ in self._waiting:
            self._send()

    def _send(self) -> None:
        self._socket.send(encode([StatusRequest()]))

    def _hear(self) -> None:
        self.refusal = self._socket.refusal() or self.refusal
        for report in self._socket.receive(reports_in):
            self.refusal, self._silent_since = None, 0.0
            if self._waiting:
                self._waiting.popleft().set_result(dict(report))

    def _is_silent(self) -> bool:
        """Whether it is time to ask another broker."""
        since = self._silent_since
        return len(self._addresses) > 1 and bool(since) and time.monotonic() - since > SILENCE
