"""A queue made of nothing but ZeroMQ's sockets: the limit for a broker on them.

A client's DEALER, a queue of ROUTER and DEALER, and workers with a DEALER each: all over TCP on loopback, as our fleets
are. A worker sends back a few bytes, or the first frame of a message that has several. The queue is a loop in
Python, or libzmq's own proxy. It has no leases, heartbeats or memory: what it has handed out is lost with the worker.

`python -m filterfleet.bench.raw_queue ROLE FRONTEND BACKEND`
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import zmq

from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.process.system import die_with_parent

PYTHON, PROXY = "python", "proxy"
AHEAD = 1000  # tasks under way
PATIENCE = 60_000  # ms without a result after which something is wrong
MOST = 100  # messages that the loop moves in one direction before it looks at the other


@dataclass(frozen=True, slots=True)
class RawClient:
    """A client of a running queue."""

    socket: zmq.Socket[bytes]
    queue: int  # its process
    workers: Sequence[int]  # theirs

    def rate(self, tasks: int, size: int, ahead: int = AHEAD) -> float:
        """Tasks of size bytes in a second, with that many under way. Raises FleetError."""
        return tasks / self.run(tasks, [bytes(size)], ahead)

    def run(self, messages: int, frames: Sequence[bytes], ahead: int = AHEAD) -> float:
        """Seconds until that many messages of these frames have come back, with `ahead` of them under way. Raises
        FleetError."""
        sent, began = 0, time.perf_counter()
        for done in range(messages):
            while sent < min(messages, done + ahead):
                self.socket.send_multipart(frames, copy=False)
                sent += 1
            self._receive()
        return time.perf_counter() - began

    def round_trip(self, size: int) -> float:
        """Seconds that one task takes. Raises FleetError."""
        began = time.perf_counter()
        self.socket.send(bytes(size))
        self._receive()
        return time.perf_counter() - began

    def _receive(self) -> None:
        try:
            self.socket.recv_multipart(copy=False)
        except zmq.Again:
            raise FleetError("The queue of raw sockets gives nothing back.") from None


@contextmanager
def raw_queue(queue: str, workers: int) -> Iterator[RawClient]:
    """Run a queue, PYTHON or PROXY, with that number of workers, as processes of their own."""
    ports = free_ports()
    processes: list[int] = []
    with ExitStack() as stack:
        for role in (queue, *["worker"] * workers):
            command = [sys.executable, "-P", "-m", __spec__.name, role, str(ports.frontend), str(ports.backend)]
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            stack.callback(process.kill)
            processes.append(process.pid)
        context = stack.enter_context(zmq.Context())
        client = RawClient(stack.enter_context(_dealer(context, ports.frontend)), processes[0], processes[1:])
        client.socket.rcvtimeo = PATIENCE
        client.rate(AHEAD * workers, 1)  # until all are connected
        yield client


def _dealer(context: zmq.Context[zmq.Socket[bytes]], port: int) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.set_hwm(0)
    socket.linger = 0
    socket.connect(f"tcp://{LOOPBACK}:{port}")
    return socket


def _serve(frontend_port: int, backend_port: int, *, proxy: bool) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    frontend, backend = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    for socket, port in ((frontend, frontend_port), (backend, backend_port)):
        socket.set_hwm(0)
        socket.bind(f"tcp://{LOOPBACK}:{port}")
    if proxy:
        zmq.proxy(frontend, backend)
    poller = zmq.Poller()
    for socket in (frontend, backend):
        poller.register(socket, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        for one, other in ((frontend, backend), (backend, frontend)):
            if one in ready:
                _move(one, other)


def _move(one: zmq.Socket[bytes], other: zmq.Socket[bytes]) -> None:
    for _ in range(MOST):
        try:
            frames = one.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        other.send_multipart(frames, copy=False)


def _work(port: int) -> None:
    with zmq.Context() as context, _dealer(context, port) as socket:
        while True:
            sender, first, *others = socket.recv_multipart(copy=False)
            socket.send_multipart([sender, first if others else b"done"])


if __name__ == "__main__":
    die_with_parent(os.getppid())
    role, frontend_port, backend_port = sys.argv[1], *map(int, sys.argv[2:])
    if role == "worker":
        _work(backend_port)
    else:
        _serve(frontend_port, backend_port, proxy=role == PROXY)
