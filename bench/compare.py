"""`filterfleet bench compare`: sequential against the fleet on the same photographs, in interleaved rounds."""

from __future__ import annotations

import filecmp
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import cores
from filterfleet.listener.ledger.opening import open_ledger

PLAIN = "plain OpenCV, one process"
SEQUENTIAL = "our pipeline, one process"

Arguments = Callable[[Path, Path], list[str]]  # (source, output) -> the command that is timed, behind the interpreter


@dataclass(slots=True)
class Contender:
    """One way to do the work. Its surroundings, such as daemons, are started before the clock."""

    name: str
    arguments: Arguments
    surroundings: Callable[[Path], AbstractContextManager[None]] = lambda _: nullcontext()
    seconds: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # seconds from submission to result


def compare(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 40,
    megapixels: Annotated[float, typer.Option(min=0.01, max=100, help="Size of each photograph.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each contender; the medians count.")] = 3,
    report: Annotated[Path | None, typer.Option(help="JSON file for every single measurement.")] = None,
) -> None:
    """Compare one sequential process with the fleet, with 1 and 2 workers, on the same photographs.

    The contenders take turns, so that other load on the machine affects all of them alike. Read the ratios: the
    absolute numbers hold for this machine at this moment only. A contender that fails, or files that differ from ours,
    end the command with a sentence.
    """
    console = Console()
    contenders = [
        Contender(PLAIN, lambda source, output: ["-m", "filterfleet.bench.plain", str(source), str(output)]),
        Contender(SEQUENTIAL, lambda source, output: ["-m", "filterfleet.bench.sequential", str(source), str(output)]),
        *(_fleet(workers) for workers in (1, 2)),
    ]
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as folder:
        source = Path(folder) / "photographs"
        source.mkdir()
        make_photographs(source, images, megapixels)
        console.print(f"{images} photographs of {megapixels:g} megapixels, {rounds} rounds, {cores()} cores")
        for number in range(rounds):
            for contender in contenders:
                _measure(contender, source, Path(folder) / contender.name)
                console.print(f"round {number + 1}: {contender.name}: {contender.seconds[-1]:.2f} s")
            for contender in contenders[2:]:
                _compare_outputs(Path(folder) / SEQUENTIAL, Path(folder) / contender.name)
    console.print(_table(contenders, images))
    if report is not None:
        _write_report(report, contenders, images, megapixels)


def _fleet(workers: int) -> Contender:
    ports = free_ports()

    @contextmanager
    def surroundings(logs: Path) -> Iterator[None]:
        with running(ports, logs, workers):
            yield

    def command(source: Path, output: Path) -> list[str]:
        return [
            *(
                "-m",
                "filterfleet.listener",
                "--source",
                str(source),
                "--output",
                str(output),
                "--settle",
                "0",
                "--once",
            ),
            *("--frontend-port", str(ports.frontend)),
        ]

    return Contender(f"fleet, {workers} worker{'s' if workers > 1 else ''}", command, surroundings)


def _measure(contender: Contender, source: Path, output: Path) -> None:
    """One run into an empty output folder. The clock covers the command from its start to its exit."""
    shutil.rmtree(output, ignore_errors=True)
    logs = output.with_name(f"{output.name} logs")
    logs.mkdir(exist_ok=True)
    with contender.surroundings(logs):
        began = time.perf_counter()
        command = [sys.executable, "-P", *contender.arguments(source, output)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        contender.seconds.append(time.perf_counter() - began)
    if ended.returncode != 0:
        raise FleetError(f"{contender.name} failed: {ended.stderr.strip().splitlines()[-1:]}")
    if contender.name.startswith("fleet"):
        ledger = open_ledger(source.resolve(), output.resolve(), None, DEFAULT)
        contender.latencies += [image.turnaround for image in ledger.processed()]
        ledger.close()


def _compare_outputs(expected: Path, found: Path) -> None:
    """Raises FleetError unless all files are the same, byte for byte: otherwise the times could not be compared."""
    files = sorted(file.relative_to(expected) for file in expected.rglob("*.*"))
    _, different, missing = filecmp.cmpfiles(expected, found, files, shallow=False)
    if different or missing or not files:
        raise FleetError(f"{found.name}: {len(different)} outputs differ and {len(missing)} are missing.")


def _table(contenders: list[Contender], images: int) -> Table:
    table = Table("contender", "median s", "images/s", "x plain", "x ours", "latency median", title="Comparison")
    plain, ours = (statistics.median(contender.seconds) for contender in contenders[:2])
    for contender in contenders:
        seconds = statistics.median(contender.seconds)
        latency = f"{statistics.median(contender.latencies) * 1000:.0f} ms" if contender.latencies else ""
        ratios = (f"{plain / seconds:.2f}", f"{ours / seconds:.2f}")
        table.add_row(contender.name, f"{seconds:.2f}", f"{images / seconds:.1f}", *ratios, latency)
    return table


def _write_report(file: Path, contenders: list[Contender], images: int, megapixels: float) -> None:
    measured = {c.name: {"seconds": c.seconds, "latencies": c.latencies} for c in contenders}
    content = {"images": images, "megapixels": megapixels, "cores": cores(), "contenders": measured}
    try:
        file.write_text(json.dumps(content, indent=2))
    except OSError as error:
        raise FleetError(f"The report {file} cannot be written: {error.strerror}.") from None
