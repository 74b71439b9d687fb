"""A broker and workers on loopback, while something is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import LOOPBACK, Ports
from filterfleet.common.process.supervisor import Spec, Supervisor
from filterfleet.worker.launch import arguments
from filterfleet.worker.memory import share

START = 30.0  # seconds that a fleet has to come up
LOOK = 0.01  # seconds between two looks whether it has


@contextmanager
def running(ports: Ports, logs: Path, workers: int, keys: Path | None = None) -> Iterator[tuple[Supervisor, Client]]:
    """Run a broker and worker processes of one thread each; workers is their number, and logs a folder.

    Yields the supervisor, whose children are the broker and then the workers, and a client. Raises FleetError when the
    fleet does not come up.
    """
    specs = daemons(ports, logs, workers, keys)
    with Supervisor(specs, 10.0) as supervisor, Client(LOOPBACK, ports.frontend, keys) as client:
        come_up(supervisor, lambda: client.catalogue.threads >= workers)
        yield supervisor, client


def come_up(supervisor: Supervisor, is_up: Callable[[], bool]) -> None:
    """Wait for the fleet of a supervisor. Raises FleetError when that takes too long."""
    deadline = time.monotonic() + START
    while not is_up():
        supervisor.turn()
        time.sleep(LOOK)
        if time.monotonic() > deadline:
            raise FleetError(f"The fleet did not come up within {START:g} s.")


def daemons(
    ports: Ports,
    logs: Path,
    workers: int,
    keys: Path | None = None,
    *,
    backend: int | None = None,
    shares: Iterable[str] = (),
) -> list[Spec]:
    """The broker and the workers, which reach it at another backend port when something stands between them. shares
    are those of the workers, as --share takes them."""
    with_keys = ("--keys", str(keys)) if keys else ()
    with_ports = ("--frontend-port", str(ports.frontend), "--backend-port", str(ports.backend))
    broker = ("-m", "filterfleet.broker", *with_ports, *with_keys)
    worker = arguments(LOOPBACK, backend or ports.backend, 1, share(workers), 10.0, keys, shares=shares)
    return [
        Spec("broker", broker, logs / "broker.log", last=True),
        *(Spec(f"worker-{n + 1}", worker, logs / f"worker-{n + 1}.log") for n in range(workers)),
    ]
