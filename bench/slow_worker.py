"""A worker whose work takes nothing but time: `python -m filterfleet.bench.slow_worker PORT SLOTS RATE`.

It does so many tasks a second until its standard input ends, and from then on as many as it can.
"""

from __future__ import annotations

import collections
import random
import sys
import time

import zmq

from filterfleet.common.blob import Blob, FileBlob, read
from filterfleet.common.process.ports import LOOPBACK
from filterfleet.common.wire import Message, OutputFile, encode
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.frames import poll, receive, send
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.session import (
    Abandon,
    Action,
    Open,
    Profile,
    Run,
    Send,
    SendFrames,
    WorkerSession,
)

FILTER = "nothing"  # what it can do
EDGE = 16  # bytes at each end of an image that are its result


class SlowWorker:
    """A real session on a real socket. rate: tasks a second, None for as many as it can."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], port: int, slots: int, rate: float | None) -> None:
        profile = Profile(1, slots - 1, (FILTER,), "slow", "1", 1 << 32)
        self.rate = rate
        self._session = WorkerSession(profile, random.SystemRandom(), FileBlob)
        self._context = context
        self._address = f"tcp://{LOOPBACK}:{port}"
        self._socket: zmq.Socket[bytes] | None = None
        self._runs: collections.deque[Run] = collections.deque()
        self._next_at = 0.0
        self._execute(self._session.start(time.monotonic()))

    def turn(self, wait_for: int | None = None) -> bool:
        """Wait for the broker, for work to be due, or for this file descriptor: True when that has something to say."""
        assert self._socket is not None
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        if wait_for is not None:
            poller.register(wait_for, zmq.POLLIN)
        now = time.monotonic()
        poll(poller, min(self._session.deadline(), self._next_at if self._runs else float("inf")) - now)
        actions: list[Action] = []
        while (frames := receive(self._socket)) is not None:
            actions += self._session.on_message(frames, time.monotonic())
        actions += self._session.on_tick(time.monotonic())
        self._execute(actions)
        self._execute(self._work(time.monotonic()))
        return wait_for is not None and wait_for in dict(poller.poll(0))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)

    def _work(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._runs and self._next_at <= now:
            run = self._runs.popleft()
            result = edges(run.image)
            done = Done((OutputFile("edges", "png", len(result)),), (result,), {})
            actions += self._session.on_begun(run.lease)
            actions += self._session.on_result(run.lease, done, now)
            if self.rate is not None:
                self._next_at = now + 1 / self.rate
        return actions

    def _execute(self, actions: list[Action]) -> None:
        to_send: list[Message] = []
        for action in actions:
            match action:
                case Open(identity):
                    self._connect(identity)
                case SendFrames(frames):
                    assert self._socket is not None
                    send(self._socket, frames)
                case Send(message):
                    to_send.append(message)
                case Run():
                    self._runs.append(action)
                case Abandon(lease):  # the broker has lost us: nobody would take the result
                    self._runs = collections.deque(run for run in self._runs if run.lease != lease)
        for batch in batches(to_send, INLINE_LIMIT):
            assert self._socket is not None
            send(self._socket, encode(batch))

    def _connect(self, identity: bytes) -> None:
        self.close()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.routing_id = identity
        self._socket.sndhwm = 0
        self._socket.connect(self._address)


def edges(image: Blob) -> bytes:
    """What tells whether an image has arrived whole: its beginning and its end."""
    return bytes(read(image, 0, EDGE)) + bytes(read(image, max(0, len(image) - EDGE), EDGE))


def main() -> None:
    port, slots, rate = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with zmq.Context() as context:
        worker = SlowWorker(context, port, slots, rate)
        while not worker.turn(sys.stdin.fileno()):
            pass
        worker.rate = None
        while True:
            worker.turn()


if __name__ == "__main__":
    main()
