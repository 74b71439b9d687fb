"""`filterfleet bench broker`: what the broker costs, with workers whose work takes nothing, or nothing but time."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.processes import cpu_seconds, high_water
from filterfleet.bench.slow_worker import FILTER
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.job import Job
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.process.system import cores
from filterfleet.common.text import size_text
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT

TINY = 200  # bytes
SLOTS = 3  # of a worker in the beginning
IMAGE_SECONDS = 0.02  # that a worker takes for a simulated image
UNDER_WAY = 20_000  # jobs that a client has submitted and not seen the end of
ROUND_TRIPS, PAUSE = 1000, 0.002  # one after the other, and seconds between two
PATIENCE = 60.0  # seconds without any outcome after which something is wrong


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a run took, and the CPU seconds of broker, workers and client."""

    seconds: float
    broker: float
    workers: float
    client: float


@dataclass(slots=True)
class Fleet:
    """A broker and its workers, as processes of their own, and the port for clients."""

    frontend: int
    broker: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1 << 62)))

    def job(self, size: int) -> Job:
        """A job that there has not been before."""
        return Job(b"%d" % next(self.numbers), b"", (FILTER,), size, (bytes(size),), 5)

    def costs(self, what: Callable[[], float]) -> Cost:
        """What this takes, which returns its own seconds."""
        before = self._cpu()
        seconds = what()
        return Cost(seconds, *(after - earlier for earlier, after in zip(before, self._cpu(), strict=True)))

    def _cpu(self) -> tuple[float, float, float]:
        workers = sum(cpu_seconds(worker.pid) for worker in self.workers)
        return cpu_seconds(self.broker.pid), workers, time.process_time()


class Flow:
    """Submits jobs as fast as they end, so that UNDER_WAY of them at most are under way."""

    def __init__(self, client: Client) -> None:
        self.done = 0
        self._client = client
        self._until = 0  # the outcome that is waited for
        self._change = threading.Condition()

    def run(self, fleet: Fleet, jobs: int, size: int, most: int = UNDER_WAY) -> float:
        """Seconds until all jobs have their outcomes. Raises FleetError when one fails, or none comes any more."""
        began, until = time.perf_counter(), self.done + jobs
        ended = self._ended
        for number in range(until - jobs, until):
            if number - self.done >= most:
                self._wait(number - most // 2)
            self._client.submit(fleet.job(size)).add_done_callback(ended)
        self._wait(until)
        return time.perf_counter() - began

    def _wait(self, until: int) -> None:
        with self._change:
            self._until = until
            if not self._change.wait_for(lambda: self.done >= until, PATIENCE):
                raise FleetError(f"Only {self.done:,} of {until:,} jobs came back.")

    def _ended(self, future: Future[Result | Failed]) -> None:
        self._client.acknowledge(future.result().id)
        self.done += 1
        if self.done >= self._until:
            with self._change:
                self._change.notify_all()


def broker(
    tasks: Annotated[int, typer.Option(min=1000, max=100_000_000, help="Tasks without work.")] = 200_000,
    workers: Annotated[int, typer.Option(min=1, max=500, help="Workers that take 20 ms for each image.")] = 30,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each measurement; the medians count.")] = 3,
) -> None:
    """Measure the broker: tasks without work, round trips, large payloads, two clients, and many workers."""
    console = Console()
    console.print(f"One broker on this machine, {cores()} cores")
    table = Table("load", "tasks/s", *(f"{who}, µs a task" for who in ("broker", "workers", "client")))
    with fleet_of(2, hurry=True) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(fleet, 2000, TINY)
        costs = [fleet.costs(lambda: flow.run(fleet, tasks, TINY)) for _ in range(rounds)]
        table.add_row(f"{tasks:,} tasks of {TINY} bytes, 2 workers", *_row(costs, tasks))
        trips = sorted(round_trip(client, fleet) for _ in range(ROUND_TRIPS))
        large = [fleet.costs(lambda: flow.run(fleet, 50, INLINE_LIMIT, 8)) for _ in range(rounds)]
        table.add_row(f"{size_text(INLINE_LIMIT)} each, 2 workers", *_row(large, 50))
        shares = shares_of(fleet, tasks // 2)
        memory = high_water(fleet.broker.pid)
    with fleet_of(workers, hurry=False) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        images = round(workers * 2 / IMAGE_SECONDS)
        flow.run(fleet, images // 4, TINY)
        slow = [fleet.costs(lambda: flow.run(fleet, images, TINY)) for _ in range(rounds)]
        table.add_row(f"{workers} workers of {1000 * IMAGE_SECONDS:g} ms", *_row(slow, images))
    console.print(table)
    p50, p99 = trips[len(trips) // 2], trips[len(trips) * 99 // 100]
    console.print(f"Round trip with nothing else to do: median {1000 * p50:.2f} ms, p99 {1000 * p99:.2f} ms.")
    console.print(
        f"Two clients at once: {shares[0]:.1%} and {shares[1]:.1%}. The broker's memory: {size_text(memory)}."
    )
    each = statistics.median(cost.broker for cost in slow) / images
    console.print(f"One core of the broker is busy with {IMAGE_SECONDS / each:,.0f} workers of this kind.")


def _row(costs: list[Cost], tasks: int) -> list[str]:
    rate = statistics.median(tasks / cost.seconds for cost in costs)
    each = (statistics.median(getattr(cost, who) for cost in costs) for who in ("broker", "workers", "client"))
    return [f"{rate:,.0f}", *(f"{seconds / tasks * 1e6:,.1f}" for seconds in each)]


def round_trip(client: Client, fleet: Fleet) -> float:
    time.sleep(PAUSE)
    began = time.perf_counter()
    client.acknowledge(client.submit(fleet.job(TINY)).result(PATIENCE).id)
    return time.perf_counter() - began


def shares_of(fleet: Fleet, tasks: int) -> list[float]:
    """The parts of the work that two clients get while both have work."""
    with client_of(fleet) as one, client_of(fleet) as other:
        flows = Flow(one), Flow(other)
        threads = [threading.Thread(target=flow.run, args=(fleet, tasks, TINY)) for flow in flows]
        for thread in threads:
            thread.start()
        before = _when(lambda: min(flow.done for flow in flows) >= tasks // 10, flows)
        after = _when(lambda: max(flow.done for flow in flows) >= tasks * 9 // 10, flows)
        for thread in threads:
            thread.join()
    done = [late - early for early, late in zip(before, after, strict=True)]
    return [part / sum(done) for part in done]


def _when(reached: Callable[[], bool], flows: tuple[Flow, ...]) -> list[int]:
    """How much each has done as soon as that much is reached."""
    until = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > until:
            raise FleetError("Two clients at once: the jobs do not come back.")
        time.sleep(PAUSE)
    return [flow.done for flow in flows]


@contextlib.contextmanager
def client_of(fleet: Fleet) -> Iterator[Client]:
    with Client(LOOPBACK, fleet.frontend) as client:
        require_broker(client, LOOPBACK, fleet.frontend)
        yield client


@contextlib.contextmanager
def fleet_of(workers: int, *, hurry: bool) -> Iterator[Fleet]:
    """The workers take IMAGE_SECONDS for a task, or nothing when they hurry."""
    frontend, backend = free_ports()
    ports = ("--frontend-port", str(frontend), "--backend-port", str(backend))
    rate = str(1 / IMAGE_SECONDS)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(_process("filterfleet.broker", *ports))
        own = [
            stack.enter_context(_process("filterfleet.bench.slow_worker", str(backend), str(SLOTS), rate))
            for _ in range(workers)
        ]
        for worker in own if hurry else ():
            assert worker.stdin is not None
            worker.stdin.close()
        yield Fleet(frontend, broker, own)


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
