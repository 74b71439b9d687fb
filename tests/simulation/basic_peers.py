"""Peers that speak RFC 6/PPP and nothing else."""

from __future__ import annotations

from filterfleet.broker.actions import Side
from tests.simulation.invariants import InvariantError
from tests.simulation.nodes import SETTINGS, Peer
from tests.simulation.router import Frames
from tests.simulation.worker_node import OURS


class EchoWorker(Peer):
    """READY, heartbeats while idle, one echo a request."""

    side = Side.BACKEND

    def boot(self) -> None:
        self.busy = False
        self.heard = self.next_beat = self.now
        self.open(b"echo" + self.world.rng_for(self).randbytes(4))
        self.send([b"\x01"])

    def deadline(self) -> float:
        return self.next_beat

    def wake(self) -> None:
        now = self.now
        if self.next_beat <= now:
            self.next_beat = now + SETTINGS.interval
            if not self.busy and now - self.heard > 4.0:
                self.boot()
            elif not self.busy:
                self.send([b"\x02"])

    def receive(self, frames: Frames, _broker: int) -> None:
        self.heard = self.now
        if len(frames) == 3:
            self.busy = True
            self.later(0.3, self._reply, frames)

    def _reply(self, frames: Frames) -> None:
        self.busy = False
        self.send(frames)


class LazyPirate(Peer):
    """A client that only knows REQ: asks, waits 2.5 s, and asks the next broker under a new identity."""

    side = Side.FRONTEND

    def boot(self) -> None:
        self.number = self.broker = 0
        self._ask()

    def _ask(self) -> None:
        self.next_try = self.now + 2.5
        self.close(self.broker)
        self.broker = (self.broker + 1) % len(self.world.brokers)
        self.open(b"lazy" + self.world.rng.randbytes(4), self.broker)
        self.send([b"", b"echo:%d" % self.number], self.broker)

    def deadline(self) -> float:
        return self.next_try

    def wake(self) -> None:
        if self.next_try <= self.now:
            self._ask()

    def receive(self, frames: Frames, _broker: int) -> None:
        if frames == [b"", OURS] or frames == [b"", b"echo:%d" % self.number]:
            self.number += 1
            self.next_try = self.now + 2.5
        elif frames not in [[b"", b"echo:%d" % old] for old in range(self.number)]:  # those may come doubled
            raise InvariantError(f"{self.name} asked for echo:{self.number} and was told {frames!r}")
