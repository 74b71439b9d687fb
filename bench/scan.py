"""`filterfleet bench scan`: the cost of listing a large source in a cloud, and again when nothing has changed."""

from __future__ import annotations

import contextlib
import json
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.processes import high_water
from filterfleet.common.errors import FleetError
from filterfleet.common.process.system import cores
from filterfleet.listener.cloud.rclone.binary import environment, find_rclone

PLACE = "photographs/incoming"  # a bucket and a folder in it
FOLDER = 1000  # objects in each folder
LISTS, OTHERS = "serve s3: bucketname:", (" HEAD OBJECT ", " GET OBJECT ")  # calls, in the log of rclone's server
START = 20.0  # seconds that the server has to start
SAMPLE = 0.02  # seconds between looks at the memory of processes
_KEYS = ("bench-access-key", "bench-secret-access-key")
_REMOTE = """\
[bench]
type = s3
provider = Other
access_key_id = {}
secret_access_key = {}
endpoint = {}
force_path_style = true
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One listing: seconds for it and for the ledger, objects in all and new ones, and calls to the server."""

    listing: float
    ledger: float
    objects: int
    new: int
    lists: int
    others: int


@dataclass(slots=True)
class Peaks:
    """The most memory, in bytes, that the listener had in use, and that any one process of rclone had."""

    listener: int = 0
    rclone: int = 0


def scan(
    objects: Annotated[int, typer.Option(min=1, max=1_000_000, help="Objects in the source.")] = 100_000,
) -> None:
    """Look twice at a large source in a cloud: time, calls to the server, and memory.

    The memory is that of the listener and of rclone. The cloud is an S3 server on this machine, which takes its share
    of the processors.
    """
    console = Console()
    console.print(f"{objects:,} objects at an S3 server on this machine (rclone serve s3), {cores()} cores")
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        folder = Path(name)
        make_objects(folder / "served" / PLACE, objects)
        with s3_server(folder) as config:
            looks, peaks = measure(folder, config)
    for look, new in zip(looks, (objects, 0), strict=True):
        if (look.objects, look.new) != (objects, new):
            raise FleetError(
                f"{look.objects} objects were found and {look.new} new ones, instead of {objects} and {new}."
            )
    table = Table(
        "look", "listing s", "comparing and ledger s", "list calls", "other calls", title="Looking at a source"
    )
    for title, look in zip(("first", "nothing changed"), looks, strict=True):
        table.add_row(title, f"{look.listing:.2f}", f"{look.ledger:.2f}", f"{look.lists}", f"{look.others}")
    console.print(table)
    console.print(
        f"Memory at most: {peaks.listener / 1e6:.0f} MB for the listener, {peaks.rclone / 1e6:.0f} MB for rclone"
    )


def make_objects(place: Path, objects: int) -> None:
    """Write small files with the names of images. Nobody decodes them."""
    for number in range(objects):
        folder = place / f"{number // FOLDER:04}"
        if number % FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:07}.jpg").write_bytes(b"%d" % number)


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[Path]:
    """Serve the buckets in folder/served. Yields the configuration file of a remote called bench."""
    log, config = _log(folder), folder / "rclone.conf"
    config.touch(mode=0o600)
    serve = [
        "serve",
        "s3",
        "--addr=127.0.0.1:0",
        f"--auth-key={','.join(_KEYS)}",
        "--log-level=DEBUG",
        f"--log-file={log}",
    ]
    command = [str(find_rclone()), *serve, f"--config={config}", str(folder / "served")]
    server = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START
        while not (found := log.is_file() and re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            if server.poll() is not None or time.monotonic() > deadline:
                raise FleetError("rclone serve s3 does not start.")
            time.sleep(SAMPLE)
        config.write_text(_REMOTE.format(*_KEYS, found[0]))
        yield config
    finally:
        server.terminate()
        server.wait()


def measure(folder: Path, config: Path) -> tuple[list[Look], Peaks]:
    """Have a process of its own look twice. Raises FleetError."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "filterfleet.bench.listing",
        str(config),
        f"bench:{PLACE}",
        str(folder / "state"),
    ]
    looks, peaks, before = [], Peaks(), _calls(folder)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(b"\n")
            process.stdin.flush()
            while not select.select([process.stdout], [], [], SAMPLE)[0]:
                _sample(peaks, process.pid)
            _sample(peaks, process.pid)
            line = process.stdout.readline()
            if not line:
                said.seek(0)
                raise FleetError(f"The listener failed: {said.read().decode(errors='replace').splitlines()[-1:]}")
            calls = _calls(folder)
            lists, others = (now - then for now, then in zip(calls, before, strict=True))
            looks.append(Look(**json.loads(line), lists=lists, others=others))
            before = calls
    return looks, peaks


def _log(folder: Path) -> Path:
    return folder / "server.log"


def _calls(folder: Path) -> tuple[int, int]:
    """The calls to the server so far: those for a part of a listing, and those for a single object."""
    lists = others = 0
    with _log(folder).open(errors="replace") as log:
        for line in log:
            lists += LISTS in line
            others += any(other in line for other in OTHERS)
    return lists, others


def _sample(peaks: Peaks, pid: int) -> None:
    peaks.listener = max(peaks.listener, high_water(pid))
    for child in _descendants(pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/comm").read_text().strip() == "rclone":
                peaks.rclone = max(peaks.rclone, high_water(child))


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, file.read_text().split()):
                yield child
                yield from _descendants(child)
