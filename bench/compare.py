"""`filterfleet bench compare`: ways to do the same work, in interleaved rounds on the same photographs."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.contenders import PLAIN, Contender, contenders
from filterfleet.bench.peers.catalogue import SYSTEMS, installed
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.process.system import cores


@dataclass(frozen=True, slots=True)
class Workload:
    """A number of photographs whose sizes lie between smallest and largest, in megapixels."""

    images: int
    smallest: float
    largest: float

    @property
    def name(self) -> str:
        return f"{self.images:,} photographs of {self.smallest:g} to {self.largest:g} megapixels"


def compare(
    small: Annotated[int, typer.Option(min=0, help="Photographs of 1 to 2 megapixels.")] = 200,
    medium: Annotated[int, typer.Option(min=0, help="Photographs of 8 to 12 megapixels.")] = 24,
    workers: Annotated[int, typer.Option(min=1, help="Workers of each contender but the sequential ones.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each contender; the medians count.")] = 3,
    no_peers: Annotated[bool, typer.Option("--no-peers", help="Leave out other systems.")] = False,
    report: Annotated[Path | None, typer.Option(help="JSON file for every single measurement.")] = None,
) -> None:
    """Compare sequential programs, our engines and fleets, and other systems on the same photographs.

    The clock covers whole commands from start to exit, or, with a contender called warm, the work of a system that is
    up. CPU is that of all processes of a command, for each photograph. The contenders take turns, so that other load on
    the machine affects all of them alike. Read the ratios: the absolute numbers hold for this machine at this moment
    only. A contender that fails, or whose files are wrong, ends the command with a sentence.
    """
    console = Console()
    loads = [load for load in (Workload(small, 1, 2), Workload(medium, 8, 12)) if load.images]
    console.print(f"{workers} workers, {rounds} rounds, {cores()} cores")
    peers = [] if no_peers else installed(SYSTEMS)
    measured = {load.name: _race(load, contenders(workers, peers), rounds, console) for load in loads}
    for load in loads:
        console.print(_table(load, measured[load.name]))
        console.print(_bound(load, measured[load.name], min(workers, cores())))
    if report is not None:
        _write_report(report, measured, workers)


def _race(load: Workload, field: list[Contender], rounds: int, console: Console) -> list[Contender]:
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        folder = Path(name)
        source = folder / "photographs"
        source.mkdir()
        make_photographs(source, load.images, load.smallest, load.largest)
        outputs = {contender.name: folder / f"output {number}" for number, contender in enumerate(field)}
        console.print(f"{load.name}:")
        for number in range(rounds):
            for contender in field:
                contender.measure(source, outputs[contender.name])
                console.print(f"round {number + 1}: {contender.name}: {contender.seconds[-1]:.2f} s")
                contender.check(outputs[contender.like], outputs[contender.name], contender.name)
    return field


def _table(load: Workload, field: Sequence[Contender]) -> Table:
    table = Table("contender", "median s", "from", "to", "images/s", "x plain", "CPU ms", title=load.name)
    plain = next(statistics.median(contender.seconds) for contender in field if contender.name == PLAIN)
    for contender in field:
        seconds = statistics.median(contender.seconds)
        spread = (f"{bound(contender.seconds):.2f}" for bound in (min, max))
        cpu = f"{statistics.median(contender.cpu) / load.images * 1000:.1f}" if contender.cpu else ""
        speed = (f"{load.images / seconds:.1f}", f"{plain / seconds:.2f}")
        table.add_row(contender.name, f"{seconds:.2f}", *spread, *speed, cpu)
    return table


def _bound(load: Workload, field: Sequence[Contender], cores: int) -> str:
    """What the plain script would do if all of its processor time were spread over the cores."""
    cpu = next(statistics.median(contender.cpu) for contender in field if contender.name == PLAIN)
    plain = next(statistics.median(contender.seconds) for contender in field if contender.name == PLAIN)
    seconds = cpu / cores
    return (
        f"The bound: the processor time of the plain script, {cpu / load.images * 1000:.1f} ms for each photograph, "
        f"spread over {cores} cores, is {seconds:.2f} s ({load.images / seconds:.1f} images/s, {plain / seconds:.2f} "
        "times the plain script)."
    )


def _write_report(file: Path, measured: dict[str, list[Contender]], workers: int) -> None:
    loads = {
        load: {one.name: {"seconds": one.seconds, "cpu": one.cpu} for one in field} for load, field in measured.items()
    }
    content = {"workers": workers, "cores": cores(), "loads": loads}
    try:
        file.write_text(json.dumps(content, indent=2))
    except OSError as error:
        raise FleetError(f"The report {file} cannot be written: {error.strerror}.") from None
