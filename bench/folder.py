"""`filterfleet bench folder`: how soon a large local folder gives its first output, and what looking at it costs."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.processes import high_water
from filterfleet.bench.scan import FOLDER
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import cores
from filterfleet.listener.core.scan import Scan
from filterfleet.listener.ledger.opening import LEDGER
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pixels.opencv import cv2

SETTLE = 2.0  # seconds, the listener's usual
SAMPLE = 0.01  # seconds between two looks at a fleet
PATIENCE = 300.0  # seconds until a fleet has to know all files


@dataclass(frozen=True, slots=True)
class Start:
    """Of a fleet: seconds until the first output was there, and until the ledger had every file; bytes of memory that
    the listener had in use by then, at most."""

    first: float
    known: float
    memory: int


def folder(
    files: Annotated[int, typer.Option(min=1, max=1_000_000, help="Photographs in the folder.")] = 100_000,
) -> None:
    """Start a fleet on a large local folder: time to its first output, memory, and the cost of a scan.

    The photographs are tiny, so that scans are most of the work.
    """
    console = Console()
    console.print(f"{files:,} photographs in a folder, {cores()} cores")
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        source, output = Path(name) / "in", Path(name) / "out"
        make_photographs(source, files)
        time.sleep(SETTLE)
        start = measure_start(source, output, files)
        first, again = measure_scans(source)
    table = Table("measure", "", title="A large folder")
    table.add_row("first output after", f"{start.first:.2f} s")
    table.add_row("every file in the ledger after", f"{start.known:.2f} s")
    table.add_row("listener's memory until then", f"{start.memory / 1e6:.0f} MB")
    table.add_row("first scan", f"{first:.2f} s of CPU")
    table.add_row("scan without changes", f"{again:.2f} s of CPU")
    console.print(table)


def make_photographs(place: Path, files: int) -> None:
    """Write photographs that differ in a comment (ITU-T T.81, B.2.4.5)."""
    jpeg = cv2.imencode(".jpg", np.full((16, 16, 3), 128, np.uint8))[1].tobytes()
    for number in range(files):
        folder = place / f"{number // FOLDER:04}"
        if number % FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:07}.jpg").write_bytes(jpeg[:2] + b"\xff\xfe\x00\x0a%08d" % number + jpeg[2:])


def measure_start(source: Path, output: Path, files: int) -> Start:
    """Raises FleetError when the fleet ends or takes too long."""
    ports = free_ports()
    options = ("--frontend-port", str(ports.frontend), "--backend-port", str(ports.backend), "--settle", str(SETTLE))
    command = [sys.executable, "-P", "-m", "filterfleet", "up", "--source", str(source), "--output", str(output)]
    began = time.perf_counter()
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as fleet:
        try:
            first, known, memory = 0.0, 0.0, 0
            while not known:
                time.sleep(SAMPLE)
                now = time.perf_counter() - began
                if fleet.poll() is not None or now > PATIENCE:
                    raise FleetError("The fleet has ended, or does not come to its end.")
                first = first or (now if _has_output(output) else 0.0)
                memory = max([memory, *map(high_water, _listeners(fleet.pid))])
                known = now if first and _known(output) >= files else 0.0
            return Start(first, known, memory)
        finally:
            fleet.terminate()


def measure_scans(source: Path) -> tuple[float, float]:
    """Seconds of CPU for the first look at a folder, and for one that finds nothing new."""
    place, scan = Folder(source, Selection()), Scan({}, SETTLE)
    taken = []
    for _ in range(2):
        began = time.process_time()
        scan.update(place.list(), time.monotonic())
        taken.append(time.process_time() - began)
    return taken[0], taken[1]


def _has_output(output: Path) -> bool:
    return any(path.is_file() for path in output.glob("[!.]*/*/*"))


def _known(output: Path) -> int:
    """How many files are in the ledger."""
    with contextlib.suppress(sqlite3.Error):
        ledger = sqlite3.connect(f"file:{output / PRIVATE / LEDGER}?mode=ro", uri=True)
        with contextlib.closing(ledger):
            return int(ledger.execute("SELECT count(*) FROM objects").fetchone()[0])
    return 0


def _listeners(parent: int) -> Iterator[int]:
    """Listeners among the children of a process."""
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            for child in map(int, file.read_text().split()):
                with contextlib.suppress(OSError):
                    if b"filterfleet.listener" in Path(f"/proc/{child}/cmdline").read_bytes():
                        yield child
