"""`filterfleet bench stragglers`: a batch on a fleet with and without one worker ten times slower than its peers."""

from __future__ import annotations

import contextlib
import signal
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.batch import Batch
from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.supervisor import Process
from filterfleet.common.process.system import cores

RUNS, PAUSES = 0.02, 0.18  # seconds: the slow worker runs a tenth of the time, in pulses that heartbeats do not notice


def stragglers(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 200,
    megapixels: Annotated[float, typer.Option(min=0.01, max=20, help="Size of each photograph.")] = 2.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers beside the slow one.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of both fleets; the medians count.")] = 3,
) -> None:
    """Measure what a worker that is ten times slower than its peers costs a batch.

    The slow worker is stopped nine tenths of the time (SIGSTOP).
    """
    console = Console()
    console.print(
        f"{images} photographs of {megapixels:g} megapixels, {workers} workers of one thread with and without a slow "
        f"one beside them, {rounds} rounds, {cores()} cores"
    )
    without: list[float] = []
    with_it: list[float] = []
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        folder = Path(name)
        make_photographs(folder, images, megapixels)
        batch = Batch([file.read_bytes() for file in sorted(folder.glob("*.jpg"))])
        for number in range(rounds):
            without.append(_measure(batch, folder, workers, slow=0))
            with_it.append(_measure(batch, folder, workers, slow=1))
            console.print(f"round {number + 1}: without it {without[-1]:.2f} s, with it {with_it[-1]:.2f} s")
    table = Table("fleet", "median s", "ratio", title="One worker ten times slower")
    base = statistics.median(without)
    for title, seconds in ((f"{workers} workers", without), (f"{workers} workers and a slow one", with_it)):
        median = statistics.median(seconds)
        table.add_row(title, f"{median:.2f}", f"{median / base:.2f}")
    console.print(table)


def _measure(batch: Batch, logs: Path, workers: int, slow: int) -> float:
    """Seconds of the batch, with slow workers beside the others. slow is their number."""
    with running(free_ports(), logs, workers + slow) as (supervisor, client), contextlib.ExitStack() as stack:
        for child in supervisor.children[workers + 1 :]:
            if child.process is not None:
                stack.enter_context(_slowed(child.process))
        return batch.seconds(client)


@contextlib.contextmanager
def _slowed(process: Process) -> Iterator[None]:
    """Stop the process most of the time."""
    ended = threading.Event()

    def pulse() -> None:
        while True:
            process.send_signal(signal.SIGSTOP)
            over = ended.wait(PAUSES)
            process.send_signal(signal.SIGCONT)
            if over or ended.wait(RUNS):
                return

    pulses = threading.Thread(target=pulse)
    pulses.start()
    try:
        yield
    finally:
        ended.set()
        pulses.join()
