"""`filterfleet bench curve`: the cost of encryption. The same batches go through fleets with and without keys."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.batch import Batch
from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.keys.making import make_broker_folder
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import cores

WORKERS = 2
TINY = 0.005  # megapixels: next to no work, so that messages dominate


def curve(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 100,
    megapixels: Annotated[float, typer.Option(min=0.01, max=20, help="Size of each photograph.")] = 2.0,
    tiny: Annotated[int, typer.Option(min=1, help="Tiny photographs, in runs of their own.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of both fleets; the medians count.")] = 3,
) -> None:
    """Compare a fleet with keys, where everything is encrypted, with one without."""
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
            without, with_keys = _measure(batch, folder, keys, rounds, console)
            ratio = f"{with_keys / without:.2f}"
            table.add_row(f"{count} of {size:g} megapixels", f"{without:.2f}", f"{with_keys:.2f}", ratio)
    console.print(table)


def _batch(folder: Path, count: int, megapixels: float) -> Batch:
    folder.mkdir()
    make_photographs(folder, count, megapixels)
    return Batch([file.read_bytes() for file in sorted(folder.iterdir())])


def _measure(batch: Batch, logs: Path, keys: Path, rounds: int, console: Console) -> tuple[float, float]:
    """The median seconds without and with keys, of interleaved rounds."""
    without: list[float] = []
    with_keys: list[float] = []
    for number in range(rounds):
        for shown, seconds in ((None, without), (keys, with_keys)):
            with running(free_ports(), logs, WORKERS, shown) as (_, client):
                seconds.append(batch.seconds(client))
        console.print(f"  round {number + 1}: {without[-1]:.2f} s without keys, {with_keys[-1]:.2f} s with keys")
    return statistics.median(without), statistics.median(with_keys)
