"""Peers that speak RFC 6/PPP and nothing else, written after the RFC and the behaviour of the zguide's programs.

None of them uses filterfleet. Each thread owns its sockets, and records what it has seen for the test to read.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import zmq

READY, HEARTBEAT = b"\x01", b"\x02"
INTERVAL = 1.0  # seconds between heartbeats
LIVENESS = 3  # missed ones
Frames = list[bytes]
Message = tuple[bytes, Frames]  # routing id, frames


@contextlib.contextmanager
def connected(kind: int, port: int, identity: bytes = b"") -> Iterator[zmq.Socket[bytes]]:
    """A socket with its own context, connected to a port on this machine."""
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.linger = 0
        if identity:
            socket.routing_id = identity
        socket.connect(f"tcp://127.0.0.1:{port}")
        yield socket


def receive(socket: zmq.Socket[bytes], patience: float) -> Frames | None:
    """The next message, or None after `patience` seconds."""
    return socket.recv_multipart() if socket.poll(max(0, int(patience * 1000))) else None


def receive_other_than_heartbeat(socket: zmq.Socket[bytes], patience: float) -> Frames | None:
    deadline = time.monotonic() + patience
    while (frames := receive(socket, deadline - time.monotonic())) == [HEARTBEAT]:
        pass
    return frames


def ask(port: int, body: bytes, patience: float = 30.0) -> Frames | None:
    """The reply that a REQ client gets for one body, or None after `patience` seconds."""
    with connected(zmq.REQ, port) as client:
        client.send(body)
        return receive(client, patience)


class LazyPirate:
    """A REQ client that tries three times, each time for 2.5 s on a new socket with a new identity.

    It sends numbers in sequence, and only the number itself is the right answer.
    """

    def __init__(self, port: int, tries: int = 3) -> None:
        self.wrong: list[Frames] = []
        self.tries = 0
        self._port = port
        self._limit = tries
        self._sequence = 0

    def ask(self) -> bool:
        """Whether the next number came back."""
        self._sequence += 1
        body = str(self._sequence).encode()
        for _ in range(self._limit):
            self.tries += 1
            with connected(zmq.REQ, self._port, secrets.token_bytes(5)) as client:
                client.send(body)
                reply = receive(client, 2.5)
            if reply == [body]:
                return True
            if reply is not None:
                self.wrong.append(reply)
        return False


class EchoWorker:
    """A PPP worker that sends every body back, on its own thread.

    It accepts exactly [address, "", body], and is silent while it works, for `work` seconds. After three silent
    intervals it waits, for twice as long each time, and registers again on a new socket with a new identity.
    """

    def __init__(self, port: int, work: float = 0.0) -> None:
        self.identities: list[bytes] = []
        self.requests: list[Frames] = []
        self.invalid: list[Frames] = []
        self._port = port
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            self.identities.append(b"basic-" + secrets.token_bytes(4))
            with connected(zmq.DEALER, self._port, self.identities[-1]) as socket:
                socket.send(READY)
                heard = self._serve(socket)
            self._stop.wait(1.0 if heard else pause)
            pause = 1.0 if heard else min(32.0, pause * 2)

    def _serve(self, socket: zmq.Socket[bytes]) -> bool:
        """Serves until the queue has been silent for too long. Returns whether it ever spoke."""
        heard, liveness, next_beat = False, LIVENESS, time.monotonic() + INTERVAL
        while not self._stop.is_set() and liveness:
            frames = receive(socket, 0.1 if self._work == 0 else INTERVAL)
            if frames is not None:
                heard, liveness = True, LIVENESS
                self._handle(socket, frames)
            if time.monotonic() >= next_beat:
                liveness -= frames is None and not socket.poll(0)
                next_beat = time.monotonic() + INTERVAL
                socket.send(HEARTBEAT)
        return heard

    def _handle(self, socket: zmq.Socket[bytes], frames: Frames) -> None:
        if frames == [HEARTBEAT]:
            return
        if len(frames) != 3 or frames[1] != b"":
            self.invalid.append(frames)
            return
        self.requests.append(frames)
        self._stop.wait(self._work)
        socket.send_multipart(frames)


class Queue:
    """The workers' side of a PPP queue, for a test to drive: a ROUTER socket without anything behind it."""

    def __init__(self, port: int) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.router_mandatory = True
        self.socket.bind(f"tcp://127.0.0.1:{port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def receive(self, patience: float) -> Message | None:
        """(worker, frames) of the next message, or None after `patience` seconds."""
        message = receive(self.socket, patience)
        return None if message is None else (message[0], message[1:])

    def send(self, worker: bytes, *frames: bytes) -> None:
        self.socket.send_multipart([worker, *frames])

    def until(self, wanted: Callable[[Message], bool], patience: float, beating: bytes = b"") -> list[Message]:
        """All messages up to the first wanted one. In the meantime the worker `beating` gets heartbeats. Fails when no
        wanted message comes within `patience` seconds."""
        heard = self.during(patience, beating, wanted)
        assert heard, "nothing came"
        assert wanted(heard[-1]), heard
        return heard

    def during(
        self, seconds: float, beating: bytes = b"", wanted: Callable[[Message], bool] = lambda _: False
    ) -> list[Message]:
        """All messages that come within `seconds`, or up to the first wanted one."""
        heard: list[Message] = []
        deadline = time.monotonic() + seconds
        next_beat = 0.0
        while time.monotonic() < deadline and not (heard and wanted(heard[-1])):
            if beating and time.monotonic() >= next_beat:
                self.send(beating, HEARTBEAT)
                next_beat = time.monotonic() + INTERVAL / 2
            if (message := self.receive(0.1)) is not None:
                heard.append(message)
        return heard

    def reply(self, worker: bytes, patience: float = 60.0) -> Frames:
        """The worker's next reply. Its other messages are skipped."""
        return self.until(is_reply, patience, worker)[-1][1]


def is_reply(message: Message) -> bool:
    return len(message[1]) > 1


class ZguideQueue:
    """A whole Paranoid Pirate queue that behaves like the zguide's, on its own thread.

    Any message from a worker makes it available for one request. Available workers get heartbeats, and are forgotten
    after three silent intervals. The frontend is read only while a worker is available. A worker's message of more than
    one frame goes to the frontend unchanged.
    """

    def __init__(self, frontend: int, backend: int) -> None:
        self.dispatched: list[tuple[bytes, Frames]] = []
        self._ports = frontend, backend
        self._available: dict[bytes, float] = {}  # worker -> instant of its death, oldest first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as front, context.socket(zmq.ROUTER) as back:
            for socket, port in zip((front, back), self._ports, strict=True):
                socket.linger = 0
                socket.bind(f"tcp://127.0.0.1:{port}")
            next_beat = time.monotonic() + INTERVAL
            while not self._stop.is_set():
                if back.poll(20):
                    self._from_worker(back.recv_multipart(), front)
                if self._available and front.poll(0):
                    worker = next(iter(self._available))
                    del self._available[worker]
                    request = front.recv_multipart()
                    self.dispatched.append((worker, request))
                    back.send_multipart([worker, *request])
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + INTERVAL
                    for worker in self._available:
                        back.send_multipart([worker, HEARTBEAT])
                now = time.monotonic()
                self._available = {worker: death for worker, death in self._available.items() if death > now}

    def _from_worker(self, message: Frames, front: zmq.Socket[bytes]) -> None:
        worker, *frames = message
        self._available.pop(worker, None)
        self._available[worker] = time.monotonic() + INTERVAL * LIVENESS
        if len(frames) > 1:
            front.send_multipart(frames)
