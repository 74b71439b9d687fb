"""`filterfleet demo`: a fleet of real processes on the photographs that ship, a table and a contact sheet."""

from __future__ import annotations

import os
import shutil
import time
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.commands.up import Workers
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import is_image_name
from filterfleet.common.process.options import RecipeChoice
from filterfleet.common.process.ports import free_ports
from filterfleet.common.text import one_line, printable
from filterfleet.demo.contact_sheet import write_contact_sheet
from filterfleet.fleet import Fleet
from filterfleet.listener.ledger.ledger import Processed
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.state import PRIVATE

SETTLE = 0.2  # seconds; nobody is still writing these files


def demo(
    output: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo-output"),
    recipe: RecipeChoice = "default",
    workers: Workers = 2,
) -> None:
    """Process a few photographs with a broker, workers and a listener on this machine, and show the results."""
    raise typer.Exit(run_demo(output, recipe, workers))


def run_demo(folder: Path, recipe: str, workers: int) -> int:
    """Writes everything to folder/photographs and folder/results. Returns the exit code. Raises FleetError."""
    photographs, results = folder / "photographs", folder / "results"
    try:
        _provide_photographs(photographs)
        for file in (results / PRIVATE).glob("ledger.sqlite3*"):
            file.unlink()  # a demo starts afresh each time
    except OSError as error:
        raise FleetError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    ports = free_ports()
    began = time.time()
    options = ListenerOptions(
        source=os.path.abspath(photographs),  # noqa: PTH100 - a colon in a relative name would make it a remote's
        output=os.path.abspath(results),  # noqa: PTH100
        recipe=recipe,
        frontend_port=ports.frontend,
        settle=SETTLE,
    )
    fleet = Fleet(options, workers=workers, threads=0, memory=None, backend_port=ports.backend)
    typer.echo(f"Broker on ports {ports.frontend} and {ports.backend}, {workers} workers, one listener.")
    code = fleet.run_once()
    processed = fleet.ledger.processed()
    Console(markup=False, emoji=False).print(_table(processed))  # brackets and colons in names are what they are
    if processed:
        sheet = write_contact_sheet(photographs, results, processed, folder / "contact-sheet.png")
        first = processed[0].finished_at - began
        typer.echo(f"First result after {first:.1f} s, all after {processed[-1].finished_at - began:.1f} s.")
        typer.echo(f"Before and after, side by side: {printable(str(sheet.resolve()))}")
    fleet.report(code)
    return code


def _provide_photographs(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("filterfleet.demo") / "photos") as photos:
        for photo in sorted(photos.iterdir()):
            if is_image_name(photo.name):
                shutil.copyfile(photo, target / photo.name)


def _table(processed: list[Processed]) -> Table:
    table = Table("image", "size", "bytes", "time", "worker", title="Processed")
    for image in processed:
        table.add_row(
            printable(image.path),
            f"{image.width} x {image.height}",
            f"{image.size:,}",
            f"{image.seconds * 1000:.0f} ms",
            one_line(image.worker),
        )
    return table
