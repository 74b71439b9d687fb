"""`filterfleet chaos`: a fleet is killed, frozen and restarted while it works, and must lose nothing."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.chaos.photographs import Photographs
from filterfleet.chaos.plan import make_plan
from filterfleet.chaos.storm import BACKLOG, Storm
from filterfleet.chaos.verdict import images_in, survivors, wrong_in_ledger, wrong_in_outputs
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.logs import configure
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.text import printable
from filterfleet.console import INTERRUPTED
from filterfleet.fleet import Fleet
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pixels.opencv import prepare_process

SETTLE = 0.1  # seconds; photographs appear whole, so there is nothing to wait for
INTERVAL = 1.0  # seconds between scans
WRONG = 1  # exit code


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asked for. images is the largest number of photographs, or None for no limit."""

    seconds: float
    seed: int
    brokers: int
    workers: int
    images: int | None


def chaos(
    seconds: Annotated[float, typer.Option(min=1, max=86400, help="How long the storm lasts.")] = 60.0,
    seed: Annotated[int, typer.Option(help="What the plan is drawn from: the same seed gives the same plan.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 3,
    brokers: Annotated[int, typer.Option(min=1, max=8, help="Brokers, which stand in for each other.")] = 1,
    images: Annotated[
        int | None, typer.Option(min=1, help="Photographs at most.", show_default="as many as the fleet can process")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="An empty folder to work in, which is kept afterwards.")
    ] = None,
) -> None:
    """Kill, freeze and restart a fleet of its own while it works, then verify what it has done.

    It makes photographs and starts a broker, workers and a listener on them; new photographs keep coming. When the
    storm is over and all work has ended, every image must be done and recorded once, and every output must be, byte for
    byte, what the sequential pipeline makes. The exit code is 0 when the verdict is clean, and 1 when it is not.
    """
    raise typer.Exit(run_chaos(Order(seconds, seed, brokers, workers, images), keep))


def run_chaos(order: Order, keep: Path | None) -> int:
    """Returns the exit code: 0 when all was well, 1 when something was wrong, 130 when interrupted.

    keep is a folder to work in; without it a temporary folder is used, and removed unless something was wrong. Raises
    FleetError.
    """
    configure(logging.CRITICAL)  # processes are meant to die here, and this command says itself which
    prepare_process()
    folder = _workplace(keep)
    code = INTERRUPTED
    try:
        with contextlib.closing(StopSignal()) as stop:
            code = _run(order, folder, stop)
    finally:
        if code == WRONG or keep is not None:
            typer.echo(f"Photographs, results, ledger and logs: {printable(str(folder))}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return code


def _run(order: Order, folder: Path, stop: StopSignal) -> int:
    source, output, drafts = folder / "photographs", folder / "results", folder / "drafts"
    try:
        for each in (source, output, drafts):
            each.mkdir()
    except OSError as error:
        raise FleetError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    photographs = Photographs(source, drafts, order.seed)
    while not stop.is_set and photographs.count < min(BACKLOG, order.images or BACKLOG):
        photographs.add()
    ports = free_ports()
    options = ListenerOptions(
        source=str(source), output=str(output), frontend_port=ports.frontend, settle=SETTLE, interval=INTERVAL
    )
    fleet = Fleet(
        options, brokers=order.brokers, workers=order.workers, threads=1, memory=None, backend_port=ports.backend
    )
    with contextlib.closing(fleet.ledger):
        wrong = _storm(order, fleet, photographs, stop)
    if wrong is None:
        typer.echo("Interrupted: every process has ended, and nothing was verified.")
        return INTERRUPTED
    return _verify(source, output, wrong, stop)


def _verify(source: Path, output: Path, wrong: Sequence[str], stop: StopSignal) -> int:
    """Print the verdict. wrong are sentences about what went wrong so far."""
    typer.echo("Verifying, with the sequential pipeline:")
    images = images_in(source)
    wrong = [
        *wrong,
        *wrong_in_ledger(output / PRIVATE / "ledger.sqlite3", images),
        *wrong_in_outputs(source, output, images, DEFAULT, lambda: stop.is_set),
    ]
    if stop.is_set:
        typer.echo("Interrupted: not everything was verified.")
        return INTERRUPTED
    if wrong:
        typer.echo("\n  ".join(("Verdict: NOT clean.", *map(printable, wrong))))
        return WRONG
    typer.echo(
        f"Verdict: clean. {len(images)} images, each recorded once; {len(images) * len(DEFAULT.outputs)} outputs, byte "
        "for byte those of the sequential pipeline; no other file, and no process left."
    )
    return 0


def _storm(order: Order, fleet: Fleet, photographs: Photographs, stop: StopSignal) -> list[str] | None:
    """Run the fleet through the storm. Returns sentences about what is wrong, or None when it was interrupted."""
    plan = make_plan(order.seed, order.seconds, fleet.names)
    typer.echo(f"Plan of seed {order.seed}, {order.seconds:g} s, for {', '.join(fleet.names)}: {len(plan)} steps")
    for step in plan:
        typer.echo(f"  {step}")
    typer.echo("What happens:")
    storm = Storm(plan, order.seconds, photographs, order.images, fleet.ledger, lambda line: typer.echo(f"  {line}"))
    wrong: list[str] = []
    try:
        if not stop.is_set:
            fleet.run_until_stopped(storm.watch)
    except FleetError as error:
        if not storm.began:
            raise
        wrong = [f"A process gave up: {error}"]
    wrong += survivors()
    return wrong if storm.over or wrong else None


def _workplace(keep: Path | None) -> Path:
    """An empty folder. Raises FleetError."""
    try:
        if keep is None:
            return Path(tempfile.mkdtemp(prefix="filterfleet-chaos-"))
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise FleetError(f"The folder {keep} is not empty: choose another one with --keep.")
    except OSError as error:
        raise FleetError(f"The folder {keep or error.filename} cannot be written: {error.strerror}.") from None
    return keep.resolve()
