"""`filterfleet bench broker`: what the broker costs, with workers whose work takes nothing, or nothing but time."""

from __future__ import annotations

import contextlib
import functools
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.bound import Load, MessageCounter, compared, compared_trips
from filterfleet.bench.processes import high_water
from filterfleet.bench.raw_queue import PYTHON, RawClient, raw_queue
from filterfleet.bench.slow_fleet import Cost, SlowFleet, client_of, fleet_of
from filterfleet.bench.slow_worker import FILTER
from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.job import Job
from filterfleet.common.process.system import cores
from filterfleet.common.text import size_text
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT

TINY = 200  # bytes
SLOTS = 3  # of a worker in the beginning
IMAGE_SECONDS = 0.02  # that a worker takes for a simulated image
IMAGE_BYTES = 1_600_000  # of an image that lies in a share
REFERENCE = bytes(240)  # how long a reference is, roughly
UNDER_WAY = 20_000  # jobs that a client has submitted and not seen the end of
ROUND_TRIPS, PAUSE = 1000, 0.002  # one after the other, and seconds between two
PATIENCE = 60.0  # seconds without any outcome after which something is wrong

_numbers = itertools.count()


def job_of(size: int, *, in_share: bool = False) -> Job:
    """A job that there has not been before: an image of this size, which is nothing but zeros, or a reference."""
    payload, reference = ((), REFERENCE) if in_share else ((_zeros(size),), b"")
    return Job(b"%d" % next(_numbers), b"", (FILTER,), size, payload, 5, reference=reference)


@functools.cache
def _zeros(size: int) -> bytes:
    return bytes(size)


class Flow:
    """Submits jobs as fast as they end, so that UNDER_WAY of them at most are under way."""

    def __init__(self, client: Client) -> None:
        self.done = 0
        self._client = client
        self._until = 0  # the outcome that is waited for
        self._change = threading.Condition()

    def run(self, jobs: int, size: int, most: int = UNDER_WAY, *, in_share: bool = False) -> float:
        """Seconds until all jobs have their outcomes. Raises FleetError when one fails, or none comes any more."""
        began, until = time.perf_counter(), self.done + jobs
        ended = self._ended
        for number in range(until - jobs, until):
            if number - self.done >= most:
                self._wait(number - most // 2)
            self._client.submit(job_of(size, in_share=in_share)).add_done_callback(ended)
        self._wait(until)
        return time.perf_counter() - began

    def _wait(self, until: int) -> None:
        """Wait for this many outcomes, for as long as any come."""
        before = -1
        with self._change:
            self._until = until
            while self.done < until and self.done > before:
                before = self.done
                self._change.wait_for(lambda: self.done >= until, PATIENCE)
        if self.done < until:
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
    at_once: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Tasks submitted at once, to see the broker's memory.")
    ] = 200_000,
) -> None:
    """Measure the broker: tasks without work, round trips, large payloads, two clients, many workers, memory."""
    console = Console()
    console.print(f"One broker on this machine, {cores()} cores")
    table = Table("load", "tasks/s", *(f"{who}, µs a task" for who in ("broker", "workers", "client")))
    counter, load = MessageCounter(None), Load(tasks, TINY, UNDER_WAY)
    with hurried(2) as fleet, client_of(fleet, lambda _keys: counter) as client, raw_queue(PYTHON, 2) as bare:
        flow = Flow(client)
        flow.run(2000, TINY)
        found = compared(fleet, lambda: flow.run(tasks, TINY), counter, bare, load, rounds)
        table.add_row(f"{tasks:,} tasks of {TINY} bytes, 2 workers", *_row(found.ours, tasks))
        table.add_row(f"the same in bare sockets, {found.rows} tasks a message", *_row(found.bare, tasks))
        trips, bare_trips = compared_trips(lambda: round_trip(client), lambda: bare_trip(bare), ROUND_TRIPS)
        large = [fleet.costs(lambda: flow.run(50, INLINE_LIMIT, 8)) for _ in range(rounds)]
        table.add_row(f"{size_text(INLINE_LIMIT)} each, 2 workers", *_row(large, 50))
        shares = shares_of(fleet, tasks // 2)
    images = round(workers * 2 / IMAGE_SECONDS)
    with fleet_of(workers, SLOTS, 1 / IMAGE_SECONDS) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(images // 4, TINY)
        named = f"{workers} workers of {1000 * IMAGE_SECONDS:g} ms"
        tiny = [fleet.costs(lambda: flow.run(images, TINY)) for _ in range(rounds)]
        table.add_row(f"{named}, {TINY} bytes", *_row(tiny, images))
        shared = [fleet.costs(lambda: flow.run(images, IMAGE_BYTES, in_share=True)) for _ in range(rounds)]
        table.add_row(f"{named}, {size_text(IMAGE_BYTES)} in a share", *_row(shared, images))
    console.print(table)
    console.print(f"The broker does {found.share:.1%} as many tasks as bare sockets in the same time.")
    console.print(_most(found.ours, tasks))
    console.print(
        f"Round trip with nothing else to do: {_percentiles(trips)}; bare sockets: {_percentiles(bare_trips)}."
    )
    console.print(f"Two clients at once: {shares[0]:.1%} and {shares[1]:.1%}.")
    console.print(_enough_for(statistics.median(cost.broker for cost in shared) / images))
    before, memory = memory_of(at_once)
    console.print(
        f"{at_once:,} tasks at once: the broker's memory grows from {size_text(before)} to {size_text(memory)}."
    )


@contextlib.contextmanager
def hurried(workers: int) -> Iterator[SlowFleet]:
    """A fleet whose work takes nothing."""
    with fleet_of(workers, SLOTS, 1 / IMAGE_SECONDS) as fleet:
        fleet.hurry()
        yield fleet


def _row(costs: list[Cost], tasks: int) -> list[str]:
    rate = statistics.median(tasks / cost.seconds for cost in costs)
    each = (statistics.median(getattr(cost, who) for cost in costs) for who in ("broker", "workers", "client"))
    return [f"{rate:,.0f}", *(f"{seconds / tasks * 1e6:,.1f}" for seconds in each)]


def _most(costs: list[Cost], tasks: int) -> str:
    """What the processor time of a task allows, however busy the machine is now."""
    each = statistics.median(cost.broker + cost.workers + cost.client for cost in costs) / tasks
    if each <= 0:
        return "The processor time of a task could not be measured."
    return f"With {1e6 * each:.1f} µs for each task in all, {cores()} cores can do {cores() / each:,.0f} tasks/s."


def _percentiles(seconds: list[float]) -> str:
    """Of sorted durations."""
    p50, p99 = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    return f"median {1000 * p50:.2f} ms, p99 {1000 * p99:.2f} ms"


def _enough_for(each: float) -> str:
    """What follows from the broker's processor time for each image, which may not be known."""
    if each <= 0:
        return "The broker's processor time could not be measured."
    return f"One core of the broker is busy with {IMAGE_SECONDS / each:,.0f} workers of images in a share."


def memory_of(tasks: int) -> tuple[int, int]:
    """The broker's memory before and after this number of tiny tasks are submitted at once to two workers, in bytes."""
    with hurried(2) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(2000, TINY)
        before = high_water(fleet.broker.pid)
        flow.run(tasks, TINY, most=tasks)
        return before, high_water(fleet.broker.pid)


def round_trip(client: Client) -> float:
    time.sleep(PAUSE)
    began = time.perf_counter()
    client.acknowledge(client.submit(job_of(TINY)).result(PATIENCE).id)
    return time.perf_counter() - began


def bare_trip(bare: RawClient) -> float:
    time.sleep(PAUSE)
    return bare.round_trip(TINY)


def shares_of(fleet: SlowFleet, tasks: int) -> list[float]:
    """The parts of the work that two clients get while both have work."""
    with client_of(fleet) as one, client_of(fleet) as other:
        flows = Flow(one), Flow(other)
        threads = [threading.Thread(target=flow.run, args=(tasks, TINY)) for flow in flows]
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
