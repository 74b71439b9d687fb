"""`filterfleet bench start`: how long commands take that have next to nothing to do, and how much processor time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.fleet import running
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import Ports, free_ports
from filterfleet.common.process.system import cores

PATIENCE = 60.0  # seconds for one command
LOOK = 0.001  # seconds between looks for the first result: the resolution of that row


class Measured(NamedTuple):
    """Seconds until the end of a command, or its first result, and seconds of processor time of all its processes."""

    seconds: float
    processor: float


@dataclass(slots=True)
class Row:
    """A command, and what was measured in each round."""

    name: str
    arguments: Callable[[Path, Path], Sequence[str]]  # (source, output) -> what stands behind the interpreter
    first_result: bool = False
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def start(
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each command; the medians count.")] = 7,
    megapixels: Annotated[float, typer.Option(min=0.01, max=100, help="Size of the one photograph.")] = 0.3,
    report: Annotated[Path | None, typer.Option(help="JSON file for every single measurement.")] = None,
) -> None:
    """Measure how long commands take to start and to end: help, and one photograph on each local engine.

    The commands take turns, so that other load on the machine affects all of them alike. The first row is the bound: a
    script of plain OpenCV calls. Processor time says more than seconds on a machine that has other work. Modules are
    compiled before, as they are for every start but the first.
    """
    console = Console()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filterfleet-bench-")))
        source = folder / "photographs"
        source.mkdir()
        make_photographs(source, 1, megapixels)
        ports = free_ports()
        (folder / "logs").mkdir()
        stack.enter_context(running(ports, folder / "logs", 2))
        rows = _rows(ports)
        console.print(f"one photograph of {megapixels:g} megapixels, {rounds} rounds, {cores()} cores")
        environment = _with_bytecode(folder / "bytecode")
        for number in range(rounds + 1):
            for row in rows:
                measured = _measure(row, source, folder / "output", environment)
                if number:  # the first round compiles
                    row.seconds.append(measured.seconds)
                    row.processor.append(measured.processor)
    console.print(_table(rows))
    if report is not None:
        taken = {row.name: {"seconds": row.seconds, "processor_seconds": row.processor} for row in rows}
        report.write_text(json.dumps({"cores": cores(), "megapixels": megapixels, "commands": taken}, indent=2))


def _rows(running_fleet: Ports) -> list[Row]:
    def run(engine: str, *options: str) -> Row:
        return Row(
            f"run --engine {engine}",
            lambda source, output: _ours("run", str(source), str(output), "--engine", engine, *options),
        )

    def up(source: Path, output: Path) -> list[str]:
        ports = free_ports()
        numbers = ("--frontend-port", str(ports.frontend), "--backend-port", str(ports.backend))
        return _ours("up", "--source", str(source), "--output", str(output), *numbers)

    return [
        Row("plain OpenCV", lambda source, output: ["-m", "filterfleet.bench.plain", str(source), str(output)]),
        Row("--help", lambda _source, _output: _ours("--help")),
        *map(run, ("sequential", "threads", "processes")),
        run("cluster", "--frontend-port", str(running_fleet.frontend)),
        Row("up, to the first result", up, first_result=True),
        Row("up --once", lambda source, output: [*up(source, output), "--once"]),
    ]


def _ours(*words: str) -> list[str]:
    return ["-P", "-m", "filterfleet", *words]


def _with_bytecode(folder: Path) -> dict[str, str]:
    """An environment whose interpreters keep compiled modules, whatever that of this one says."""
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return rest | {"PYTHONPYCACHEPREFIX": str(folder)}


def _measure(row: Row, source: Path, output: Path, environment: Mapping[str, str]) -> Measured:
    """Raises FleetError when the command fails."""
    shutil.rmtree(output, ignore_errors=True)
    argv = [sys.executable, *row.arguments(source, output)]
    before = _processor_time()
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as command:
        try:
            if row.first_result:
                ended = _until_a_result(output, command)
                command.send_signal(signal.SIGTERM)
            _, said = command.communicate(timeout=PATIENCE)
        except (subprocess.TimeoutExpired, FleetError):
            command.kill()
            raise FleetError(f"`{row.name}` did not do its work within {PATIENCE:g} seconds.") from None
    if not row.first_result:
        ended = time.perf_counter()
        if command.returncode:
            raise FleetError(f"`{row.name}` ended with exit code {command.returncode}: {said.decode(errors='replace')}")
    return Measured(ended - began, _processor_time() - before)


def _until_a_result(output: Path, command: subprocess.Popen[bytes]) -> float:
    """The instant. Raises FleetError when there is none in time."""
    deadline = time.perf_counter() + PATIENCE
    while (now := time.perf_counter()) < deadline and command.poll() is None:
        if any(output.glob("grayscale/*.jpg")):
            return now
        time.sleep(LOOK)
    raise FleetError("There is no result.")


def _processor_time() -> float:
    """Of all processes that have ended below this one, in seconds."""
    times = os.times()
    return times.children_user + times.children_system


def _table(rows: Sequence[Row]) -> Table:
    table = Table("command", "median, s", "fastest, s", "processor, s", "times the script's")
    bound = statistics.median(rows[0].processor)
    for row in rows:
        processor = statistics.median(row.processor)
        table.add_row(
            row.name,
            f"{statistics.median(row.seconds):.3f}",
            f"{min(row.seconds):.3f}",
            f"{processor:.3f}",
            f"{processor / bound:.1f}",
        )
    return table
