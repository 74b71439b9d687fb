"""What real processes cost on this machine, from which fit.py makes prices."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import zmq

from filterfleet.bench.analysis.model.prices import Role
from filterfleet.bench.broker import IMAGE_SECONDS, SLOTS, Flow, hurried
from filterfleet.bench.slow_fleet import client_of, fleet_of
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import LOOPBACK

TINY = 200  # bytes of an image without work
HURRIED, SLOW = 2, 10  # workers that take no time for a task, and workers that take IMAGE_SECONDS
LARGE_AHEAD = 8  # images of a photograph's size under way
MESSAGES = 2000  # to learn what a socket costs
IDLE = 1.5  # seconds in which nothing but heartbeats is to be done


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time of each role for one task, or, of an idle fleet, for one worker and second."""

    broker: float
    worker: float
    client: float

    def of(self, role: Role) -> float:
        seconds: float = getattr(self, role)
        return seconds


@dataclass(frozen=True, slots=True)
class Loads:
    """Costs under four loads: tasks that come in crowds, one by one, with an image each, and no tasks at all. socket is
    what one end of a small message costs, in seconds."""

    crowd: Cost
    single: Cost
    large: Cost
    idle: Cost
    socket: float


def loads(image: int, tasks: int) -> Loads:
    """image is in bytes; tasks are how many a crowd has. Raises FleetError."""
    with hurried(HURRIED) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(2000, TINY)
        flow.run(LARGE_AHEAD, image, LARGE_AHEAD)
        processes = [fleet.broker.pid], [worker.pid for worker in fleet.workers]
        with _costs(*processes, tasks) as crowd:
            flow.run(tasks, TINY)
        with _costs(*processes, tasks // 50) as large:
            flow.run(tasks // 50, image, LARGE_AHEAD)
    with fleet_of(SLOW, SLOTS, 1 / IMAGE_SECONDS) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(5 * SLOW, TINY)
        processes = [fleet.broker.pid], [worker.pid for worker in fleet.workers]
        count = round(SLOW / IMAGE_SECONDS * tasks / 10_000)
        with _costs(*processes, count) as single:
            flow.run(count, TINY)
        time.sleep(0.1)  # until the acknowledgements have left
        with _costs(*processes, SLOW * IDLE) as idle:
            time.sleep(IDLE)
    return Loads(crowd[0], single[0], large[0], idle[0], _socket())


def _socket() -> float:
    """Seconds of processor time for one end of a message, with many of them in each turn."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as dealer:
        router.set_hwm(0)
        dealer.set_hwm(0)
        dealer.connect(f"tcp://{LOOPBACK}:{router.bind_to_random_port(f'tcp://{LOOPBACK}')}")
        began = time.process_time()
        for _ in range(MESSAGES):
            dealer.send_multipart([b"", bytes(TINY)])
        for _ in range(MESSAGES):
            router.recv_multipart()
        return (time.process_time() - began) / (2 * MESSAGES)


@contextmanager
def _costs(broker: Iterable[int], workers: Iterable[int], tasks: float) -> Iterator[list[Cost]]:
    """Puts what happens meanwhile into the list, divided by the number of tasks."""
    found: list[Cost] = []
    before = _spent(broker), _spent(workers), time.process_time()
    yield found
    after = _spent(broker), _spent(workers), time.process_time()
    found.append(Cost(*((late - early) / tasks for early, late in zip(before, after, strict=True))))


def _spent(processes: Iterable[int]) -> float:
    return sum(map(spent, processes))


def spent(process: int) -> float:
    """Seconds of processor time that the threads of a process have used so far, to the nanosecond (schedstat, proc(5)).
    Raises FleetError."""
    try:
        threads = Path(f"/proc/{process}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except OSError as error:
        raise FleetError(f"Linux does not tell what a process of the benchmark costs: {error.strerror}.") from None


class ImageThreads:
    """Programs that each work on the same photographs, one for each core; alone, or all at once."""

    def __init__(self, stack: ExitStack, photographs: Path, count: int) -> None:
        """The programs end with the stack."""
        command = [sys.executable, "-P", "-m", "filterfleet.bench.analysis.model.image_seconds", str(photographs)]
        self._programs = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=os.environ | {"OMP_NUM_THREADS": "1"},
                )
            )
            for _ in range(count)
        ]
        for program in self._programs:
            stack.callback(program.kill)
            self._hear(program)

    def alone(self) -> float:
        """Seconds of processor time for one image, while only one core works."""
        return self._measure(self._programs[:1])

    def together(self) -> float:
        """The same while all of them work."""
        return self._measure(self._programs)

    def _measure(self, programs: list[subprocess.Popen[str]]) -> float:
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("\n")
            program.stdin.flush()
        return sum(float(self._hear(program)) for program in programs) / len(programs)

    @staticmethod
    def _hear(program: subprocess.Popen[str]) -> str:
        assert program.stdout is not None
        if not (line := program.stdout.readline()):
            raise FleetError("A program that measures what an image costs has failed.")
        return line
