"""More work than the broker takes, with one slow worker: how much memory that costs, and how much is lost."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.processes import high_water
from filterfleet.bench.slow_fleet import SlowFleet, client_of, fleet_of
from filterfleet.bench.slow_worker import FILTER, edges
from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.job import Job
from filterfleet.common.process.system import cores
from filterfleet.common.text import size_text
from filterfleet.common.wire import Data, Failed, Message, Result, Submit, Submits
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.common.wire.peer import PeerSocket

TINY = 200  # bytes
SLOTS = 16  # of the worker
FULL = 10.0  # seconds for which the worker stays slow once the broker has refused something
UNFILLED = 30.0  # seconds after which the worker hurries even if the broker has had room for everything
PATIENCE = 60.0  # seconds without any outcome until the rest counts as lost
LOOK = 0.25  # seconds between two requests for the broker's report


@dataclass(frozen=True, slots=True)
class Load:
    """jobs of size bytes each, all submitted at once. rate is the worker's, in tasks a second, while it is slow."""

    name: str
    jobs: int
    size: int
    rate: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The measurements of one load.

    peak is the broker's memory, and held the most bytes of images and results that it has reported. sent is how many
    bytes of images the client has sent, and refused how often the broker said BUSY. lost counts the jobs without the
    right outcome, and twice the results beyond the first one of a job.
    """

    seconds: float
    peak: int
    held: int
    sent: int
    refused: int
    lost: int
    twice: int


class Images:
    """Jobs that all differ and yet share their bytes, so that gigabytes of them take no memory here."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._noise = memoryview(random.Random(1).randbytes(size + (1 << 20)))  # noqa: S311 - no secret

    def job(self, number: int) -> Job:
        return Job(b"%d" % number, b"", (FILTER,), self._size, (self.image(number),), 5)

    def image(self, number: int) -> memoryview:
        offset = number * 7919 % (1 << 20)
        return self._noise[offset : offset + self._size]


class CountingSocket(PeerSocket):
    """The socket of a client, which counts the bytes of images that it sends."""

    sent = 0

    def put(self, message: Message) -> None:
        if isinstance(message, Submit | Submits | Data):
            self.sent += sum(len(frame) for frame in message.payload)
        super().put(message)


class Tally:
    """Counts the outcomes of jobs, on the client's thread."""

    def __init__(self, client: Client, images: Images) -> None:
        self.right = self.wrong = 0
        self._client = client
        self._images = images

    @property
    def ended(self) -> int:
        return self.right + self.wrong

    def submit(self, number: int) -> None:
        def on_outcome(future: Future[Result | Failed]) -> None:
            if future.exception() is None:
                outcome = future.result()
                right = isinstance(outcome, Result) and outcome.payload == (edges(self._images.image(number)),)
                self.right += right
                self.wrong += not right
                self._client.acknowledge(outcome.id)

        self._client.submit(self._images.job(number)).add_done_callback(on_outcome)


def flow(
    tasks: Annotated[int, typer.Option(min=1, max=10_000_000, help="Tiny tasks, submitted at once.")] = 100_000,
    gigabytes: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Gigabytes of images of 8 MiB, submitted at once.")
    ] = 20.0,
) -> None:
    """Submit more than the broker accepts to one slow worker: its memory, and what is sent twice.

    The images are noise that nobody decodes. The worker is slow until the broker has been full for 10 seconds, and then
    as fast as it can be. The command fails when something was lost.
    """
    console = Console()
    console.print(f"One broker, one worker with {SLOTS} slots that is slow at first, one client; {cores()} cores")
    loads = [
        Load("tiny tasks", tasks, TINY, 50.0),
        Load("images", max(1, round(gigabytes * 1e9 / INLINE_LIMIT)), INLINE_LIMIT, 5.0),
    ]
    table = Table(
        *("load", "jobs", "bytes", "s", "broker's memory", "held at most", "refused", "times on the wire"),
        *("lost", "done twice"),
        title="Flow control",
    )
    lost = 0
    for load in loads:
        outcome = measure(load)
        total = load.jobs * load.size
        table.add_row(
            *(load.name, f"{load.jobs:,}", size_text(total), f"{outcome.seconds:.0f}"),
            *(size_text(outcome.peak), size_text(outcome.held), f"{outcome.refused:,}"),
            *(f"{outcome.sent / total:.3f}", f"{outcome.lost}", f"{outcome.twice}"),
        )
        lost += outcome.lost
    console.print(table)
    if lost:
        raise FleetError(f"{lost} jobs had no outcome, or a wrong one.")


def measure(load: Load) -> Outcome:
    """Send all jobs of one load through a fleet of its own. Raises FleetError when the fleet does not come up."""
    socket = CountingSocket()
    with fleet_of(1, SLOTS, load.rate) as fleet, client_of(fleet, lambda _keys: socket) as client:
        images = Images(load.size)
        tally = Tally(client, images)
        began = time.monotonic()
        for number in range(load.jobs):
            tally.submit(number)
        held = _watch(load, client, tally, fleet)
        seconds = time.monotonic() - began
        counters = client.status().result(PATIENCE)["counters"]
        return Outcome(
            seconds,
            high_water(fleet.broker.pid),
            held,
            socket.sent,
            counters.get("refused", 0),
            load.jobs - tally.right,
            counters["results"] - tally.ended,
        )


def _watch(load: Load, client: Client, tally: Tally, fleet: SlowFleet) -> int:
    """Wait until everything has its outcome, or nothing comes any more, and return the most bytes that the broker has
    held. The worker is slow until the broker has been full for FULL seconds."""
    held, ended = 0, 0
    release_at = time.monotonic() + UNFILLED
    give_up_at = time.monotonic() + UNFILLED + PATIENCE
    refused = False
    while tally.ended < load.jobs and (now := time.monotonic()) < give_up_at:
        report: dict[str, Any] = client.status().result(PATIENCE)
        held = max(held, report["held_bytes"])
        if tally.ended > ended:
            ended, give_up_at = tally.ended, max(give_up_at, now + PATIENCE)
        if not refused and report["counters"].get("refused"):
            refused, release_at = True, now + FULL
        if now >= release_at:
            fleet.hurry()
        time.sleep(LOOK)
    return held
