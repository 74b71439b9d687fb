"""A broker and slow workers (slow_worker.py), as processes of their own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from filterfleet.bench.processes import cpu_seconds
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.wire.peer import PeerSocket

START = 60.0  # seconds that a broker has to come up while hundreds of workers do


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that something took, and the CPU seconds of broker, workers and client meanwhile."""

    seconds: float
    broker: float
    workers: float
    client: float


@dataclass(frozen=True, slots=True)
class SlowFleet:
    """The processes, and the port for clients."""

    frontend: int
    broker: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def hurry(self) -> None:
        """From now on, the workers do as many tasks as they can. Saying so twice does no harm."""
        for worker in self.workers:
            assert worker.stdin is not None
            worker.stdin.close()

    def costs(self, what: Callable[[], float]) -> Cost:
        """What this takes, which returns its own seconds."""
        return costs_of(self.broker.pid, [worker.pid for worker in self.workers], what)


def costs_of(broker: int, workers: Sequence[int], what: Callable[[], float]) -> Cost:
    """What this takes, which returns its own seconds, of these processes and of this one, which is the client."""

    def cpu() -> tuple[float, float, float]:
        return cpu_seconds(broker), sum(map(cpu_seconds, workers)), time.process_time()

    before = cpu()
    seconds = what()
    return Cost(seconds, *(after - earlier for earlier, after in zip(before, cpu(), strict=True)))


@contextlib.contextmanager
def fleet_of(workers: int, slots: int, rate: float) -> Iterator[SlowFleet]:
    """Each worker has this many slots in the beginning, and does `rate` tasks a second until it is to hurry."""
    frontend, backend = free_ports()
    ports = ("--frontend-port", str(frontend), "--backend-port", str(backend))
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(_process("filterfleet.broker", *ports))
        worker = ("filterfleet.bench.slow_worker", str(backend), str(slots), str(rate))
        yield SlowFleet(frontend, broker, [stack.enter_context(_process(*worker)) for _ in range(workers)])


@contextlib.contextmanager
def client_of(fleet: SlowFleet, socket: Callable[[PeerKeys | None], PeerSocket] = PeerSocket) -> Iterator[Client]:
    """A client that is connected. Raises FleetError when the broker does not come up."""
    with Client(LOOPBACK, fleet.frontend, socket=socket) as client:
        require_broker(client, LOOPBACK, fleet.frontend, START)
        yield client


@contextlib.contextmanager
def _process(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", module, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield child
        finally:
            child.kill()
