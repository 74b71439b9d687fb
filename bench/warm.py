"""A fleet that is up before the clock starts: broker, workers, and a listener that watches an empty folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filterfleet.bench.fleet import come_up, daemons
from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.ports import Ports, free_ports
from filterfleet.common.process.supervisor import Child, Spec, Supervisor
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.shares import make_shares

PATIENCE = 600.0  # seconds for a batch
LOOK = 0.01  # seconds between two looks at the ledger
WARM = "warm-"  # how the names of photographs begin that were done before the clock started


@dataclass(slots=True)
class WarmFleet:
    """source is the folder that the listener watches; count is the number of photographs that have come into it."""

    source: Path
    output: Path
    supervisor: Supervisor
    ledger: Ledger
    count: int = 0

    def drop(self, photographs: Sequence[Path]) -> None:
        """Move photographs into the source, as a user would. They must be on its file system."""
        for photograph in photographs:
            photograph.rename(self.source / photograph.name)
        self.count += len(photographs)

    def wait(self, missing: int = 0, patience: float = PATIENCE) -> None:
        """Until all photographs but that number are done. Raises FleetError."""
        deadline = time.monotonic() + patience
        while (progress := self.ledger.progress()).done < self.count - missing:
            if progress.failed or time.monotonic() > deadline:
                raise FleetError("A photograph of the benchmark failed, or took too long.")
            self.turn()

    def turn(self) -> None:
        """Restart what has died, and pause for a moment."""
        self.supervisor.turn()
        time.sleep(LOOK)

    def child(self, name: str) -> Child:
        """broker, worker-1 and so on, or listener."""
        return next(child for child in self.supervisor.children if child.spec.name == name)


@contextmanager
def warm_fleet(
    folder: Path,
    output: Path,
    workers: int,
    ports: Ports | None = None,
    reached: Ports | None = None,
    *,
    shared: bool = False,
) -> Iterator[WarmFleet]:
    """Start a fleet whose files are in folder, and let it do a few photographs. Every worker has one thread.

    ports are the broker's; reached are those at which its peers believe it to be, when something stands between them.
    shared: the workers see the folder, so that images come by reference and not by value.
    Raises FleetError when the fleet does not come up.
    """
    source, logs = folder / "watched", folder / "logs"
    for made in (source, logs):
        made.mkdir()
    ports = ports or free_ports()
    reached = reached or ports
    shares = make_shares(source.resolve(), output.resolve()) if shared else []
    listener = [
        *("-m", "filterfleet.listener", "--source", str(source), "--output", str(output), "--settle", "0"),
        *(word for text in shares for word in ("--share", text)),
    ]
    specs = daemons(ports, logs, workers, backend=reached.backend, shares=shares)
    specs.append(Spec("listener", (*listener, "--frontend-port", str(reached.frontend)), logs / "listener.log"))
    with Supervisor(specs, 10.0) as supervisor:
        come_up(supervisor, lambda: supervisor.ready)
        with closing(open_ledger(source.resolve(), output.resolve(), None, DEFAULT)) as ledger:
            fleet = WarmFleet(source, output, supervisor, ledger)
            fleet.drop(_other_photographs(folder, 4 * workers))
            fleet.wait()
            yield fleet


def _other_photographs(folder: Path, count: int) -> list[Path]:
    """They differ from those that are measured, because what is known is not done again."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        make_photographs(Path(made), count, 1.0, seed=2)
        return [photograph.rename(folder / f"{WARM}{photograph.name}") for photograph in sorted(Path(made).iterdir())]
