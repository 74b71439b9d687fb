"""A batch on a fleet with one worker that is ten times slower than its peers, against the same fleet without it."""

from __future__ import annotations

import contextlib
import signal
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filterfleet.bench.batch import Batch
from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import cores

RUNS, PAUSES = 0.02, 0.18  # seconds of a slow worker's turns: it has a tenth of its time


def run_stragglers(images: int, megapixels: float, workers: int, rounds: int) -> None:
    """Measure and print. Raises FleetError when the fleet does not come up or an image fails."""
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
    """Seconds of the batch, with so many slow workers beside the others."""
    with running(free_ports(), logs, workers + slow) as (supervisor, client), contextlib.ExitStack() as stack:
        for child in supervisor.children[workers + 1 :]:
            if child.process is not None:
                stack.enter_context(_slowed(child.process))
        return batch.seconds(client)


@contextlib.contextmanager
def _slowed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The process is stopped most of the time, in pulses too short for heartbeats to notice."""
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
