"""What it costs to encrypt: the same batches through a fleet with keys and through one without."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filterfleet.bench.batch import Batch
from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.keys.making import make_broker_folder
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import cores

WORKERS = 2
TINY = 0.005  # megapixels: next to nothing but messages


def run_curve(images: int, megapixels: float, tiny: int, rounds: int) -> None:
    """Measure and print. Raises FleetError when a fleet does not come up or an image fails."""
    console = Console()
    console.print(f"{WORKERS} workers of one thread, {rounds} rounds, {cores()} cores")
    table = Table("batch", "without keys s", "with keys s", "ratio", title="The price of CURVE")
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        folder = Path(name)
        keys = folder / "keys"
        make_broker_folder(keys)
        for count, size in ((images, megapixels), (tiny, TINY)):
            batch = _batch(folder / f"{size:g}", count, size)
            console.print(f"{count} photographs of {size:g} megapixels:")
            plain, curve = _measure(batch, folder, keys, rounds, console)
            table.add_row(f"{count} of {size:g} megapixels", f"{plain:.2f}", f"{curve:.2f}", f"{curve / plain:.2f}")
    console.print(table)


def _batch(folder: Path, count: int, megapixels: float) -> Batch:
    folder.mkdir()
    make_photographs(folder, count, megapixels)
    return Batch([file.read_bytes() for file in sorted(folder.iterdir())])


def _measure(batch: Batch, logs: Path, keys: Path, rounds: int, console: Console) -> tuple[float, float]:
    """Median seconds without and with keys, rounds interleaved."""
    plain: list[float] = []
    curve: list[float] = []
    for number in range(rounds):
        for shown, seconds in ((None, plain), (keys, curve)):
            with running(free_ports(), logs, WORKERS, shown) as (_, client):
                seconds.append(batch.seconds(client))
        console.print(f"  round {number + 1}: {plain[-1]:.2f} s without keys, {curve[-1]:.2f} s with keys")
    return statistics.median(plain), statistics.median(curve)
