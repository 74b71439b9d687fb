"""A worker whose work takes nothing but time: `python -m filterfleet.bench.slow_worker PORT SLOTS RATE`.

It does RATE tasks a second until its standard input ends, and from then on as many as it can.
"""

from __future__ import annotations

import collections
import sys
import time

import zmq

from filterfleet.common.blob import Blob, read
from filterfleet.common.payload import close
from filterfleet.common.process.ports import LOOPBACK
from filterfleet.common.wire import OutputFile
from filterfleet.common.wire.frames import poll
from filterfleet.common.wire.peer import PeerSocket
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Profile, Run
from filterfleet.worker.leases.connection import BrokerConnection
from filterfleet.worker.leases.runs import Key

FILTER = "nothing"  # the only filter it has
EDGE = 16  # bytes at each end of an image, which are its result
IN_SHARE = Done((OutputFile("edges", "png", 2 * EDGE),), (), {}, bytes(48))  # the result of any image in a share


class SlowWorker:
    """A real connection to a broker, with a queue in place of threads. rate is in tasks a second; None means as many as
    it can do."""

    def __init__(self, port: int, slots: int, rate: float | None) -> None:
        profile = Profile(1, slots - 1, (FILTER,), "slow", "1", 1 << 32, shares=True)
        self.rate = rate
        self._queue = Queue()
        socket = PeerSocket(role="worker")
        self._broker = BrokerConnection(0, f"tcp://{LOOPBACK}:{port}", socket, profile, self._queue)
        self._next_at = 0.0
        self._broker.start()

    def turn(self, wait_for: int | None = None) -> bool:
        """Wait for the broker, for work to be due, or for this file descriptor: True when that can be read."""
        poller = zmq.Poller()
        poller.register(self._broker.socket.pollable, zmq.POLLIN)
        if wait_for is not None:
            poller.register(wait_for, zmq.POLLIN)
        deadline = min(self._broker.session.deadline(), self._next_at if self._queue.waiting else float("inf"))
        ready = poll(poller, deadline - time.monotonic())
        self._broker.turn()
        if self._work(time.monotonic()):
            self._broker.turn()
        return wait_for in ready

    def close(self) -> None:
        self._broker.close()

    def _work(self, now: float) -> bool:
        """Whether anything was done."""
        waiting = self._queue.waiting
        done = 0
        while waiting and self._next_at <= now:
            (_, lease), image = waiting.popitem(last=False)
            if image is None:
                self._broker.ended(lease, IN_SHARE)
            else:
                result = edges(image)
                close(image)
                self._broker.ended(lease, Done((OutputFile("edges", "png", len(result)),), (result,), {}))
            done += 1
            if self.rate is not None:
                self._next_at = now + 1 / self.rate
        if done:
            self._broker.worked(done, done / self.rate if self.rate is not None else time.monotonic() - now)
        return done > 0


class Queue:
    """Images that wait for their turn. None stands for one in a share."""

    def __init__(self) -> None:
        self.waiting: collections.OrderedDict[Key, Blob | None] = collections.OrderedDict()

    def add(self, key: Key, run: Run, image: Blob) -> None:
        self.waiting[key] = None if run.reference else image

    def drop(self, key: Key) -> None:
        """The broker has lost us, and nobody would take the result."""
        if (image := self.waiting.pop(key, None)) is not None:
            close(image)


def edges(image: Blob) -> bytes:
    """The beginning and the end of an image, which tell whether all of it has arrived."""
    if isinstance(image, bytes):
        return image[:EDGE] + image[max(0, len(image) - EDGE) :]
    return bytes(read(image, 0, EDGE)) + bytes(read(image, max(0, len(image) - EDGE), EDGE))


def main() -> None:
    port, slots, rate = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    worker = SlowWorker(port, slots, rate)
    while not worker.turn(sys.stdin.fileno()):
        pass
    worker.rate = None
    while True:
        worker.turn()


if __name__ == "__main__":
    main()
