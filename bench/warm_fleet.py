"""A fleet that is up before the clock starts: `python -m filterfleet.bench.warm_fleet IN OUT WORKERS --warm`.

Broker, workers and a listener watch an empty folder. At the start of the clock the photographs are moved into it, as a
user would, and the clock ends when the ledger says that the last one is done: its outputs are on disk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from filterfleet.bench.fleet import running
from filterfleet.bench.peers.protocol import say_done, wait_for_go
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.supervisor import Spec, Supervisor
from filterfleet.listener.ledger.opening import open_ledger

PATIENCE = 600.0  # seconds for a batch
LOOK = 0.01  # seconds between two looks at the ledger


def main(source: Path, output: Path, workers: int) -> None:
    photographs = sorted(source.iterdir())
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        watched, staged, logs = (Path(folder) / name for name in ("watched", "staged", "logs"))
        for made in (watched, staged, logs):
            made.mkdir()
        for photograph in photographs:
            os.link(photograph, staged / photograph.name)
        warm = _other_photographs(staged, 4 * workers)
        ports = free_ports()
        listener = ("-m", "filterfleet.listener", "--source", str(watched), "--output", str(output), "--settle", "0")
        spec = Spec("listener", (*listener, "--frontend-port", str(ports.frontend)), logs / "listener.log")
        with running(ports, logs, workers), Supervisor([spec], 10.0) as supervisor:
            _drop(warm, staged, watched)
            _wait(supervisor, watched, output, len(warm))
            wait_for_go()
            _drop([photograph.name for photograph in photographs], staged, watched)
            _wait(supervisor, watched, output, len(warm) + len(photographs))
            say_done()
        for file in output.rglob("warm-*"):
            file.unlink()


def _other_photographs(folder: Path, count: int) -> list[str]:
    """The names of photographs to get warm with. They differ from the real ones, because what is known is not done
    again."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        make_photographs(Path(made), count, 1.0, seed=2)
        return [photograph.rename(folder / f"warm-{photograph.name}").name for photograph in Path(made).iterdir()]


def _drop(names: list[str], staged: Path, watched: Path) -> None:
    for name in names:
        (staged / name).rename(watched / name)


def _wait(supervisor: Supervisor, watched: Path, output: Path, images: int) -> None:
    """Wait until that many images are done. Raises FleetError."""
    ledger = open_ledger(watched.resolve(), output.resolve(), None, DEFAULT)
    deadline = time.monotonic() + PATIENCE
    try:
        while ledger.progress().done < images:
            if ledger.progress().failed or time.monotonic() > deadline:
                raise FleetError("A photograph of the benchmark failed, or took too long.")
            supervisor.turn()
            time.sleep(LOOK)
    finally:
        ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
