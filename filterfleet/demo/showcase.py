"""The demo: photographs that ship with the package, a fleet of real processes, a table and a contact sheet."""

from __future__ import annotations

import os
import shutil
import time
from importlib import resources
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.jobs import is_image_name
from filterfleet.common.process.ports import free_ports
from filterfleet.common.text import printable
from filterfleet.demo.contact_sheet import write_contact_sheet
from filterfleet.fleet import Fleet
from filterfleet.listener.ledger.ledger import Processed
from filterfleet.listener.state import PRIVATE

SETTLE = 0.2  # seconds; nobody is still writing these files


def run_demo(folder: Path, recipe: str, workers: int) -> int:
    """Everything into folder/photographs and folder/results; the exit code of the run. Raises FleetError."""
    photographs, results = folder / "photographs", folder / "results"
    try:
        _provide_photographs(photographs)
        for file in (results / PRIVATE).glob("ledger.sqlite3*"):
            file.unlink()  # a demo starts anew each time
    except OSError as error:
        raise FleetError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    ports = free_ports()
    began = time.time()
    fleet = Fleet(
        os.path.abspath(photographs),  # noqa: PTH100 - a colon in a relative name would make it a remote's
        os.path.abspath(results),  # noqa: PTH100
        recipe,
        workers=workers,
        threads=0,
        memory=None,
        ports=ports,
        state=None,
        listener={"--settle": SETTLE},
    )
    fleet.console.print(f"Broker on ports {ports[0]} and {ports[1]}, {workers} workers, one listener.")
    code = fleet.run_once()
    processed = fleet.ledger.processed()
    fleet.console.print(_table(processed))
    if processed:
        sheet = write_contact_sheet(photographs, results, processed, folder / "contact-sheet.png")
        first = processed[0].finished_at - began
        fleet.console.print(f"First result after {first:.1f} s, all after {processed[-1].finished_at - began:.1f} s.")
        fleet.console.print(f"Before and after, side by side: {sheet.resolve()}", soft_wrap=True)
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
            escape(printable(image.path)),
            f"{image.width} x {image.height}",
            f"{image.size:,}",
            f"{image.seconds * 1000:.0f} ms",
            escape(image.worker),
        )
    return table
