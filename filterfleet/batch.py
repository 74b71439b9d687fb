"""A folder through an engine, with a progress bar, a report, and the same ledger as the listener's."""

from __future__ import annotations

import contextlib
import csv
import json
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from common.engine import Engine
from common.errors import FleetError
from common.recipe import DEFAULT
from common.recipe_file import read_recipe
from common.wakeup import StopSignal
from filterfleet.fleet import INTERRUPTED, LOOK, print_failures, printable
from listener.ledger import REPORT, Ledger
from listener.service import Options
from listener.setup import check_folders, open_ledger, serve
from worker.filters import check_recipe


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} images/s" if task.speed else "")


def run_batch(
    source: Path, output: Path, engine: Engine, recipe_file: Path | None, report: Path | None, *, force: bool
) -> int:
    """The exit code: 0, 1 when images failed, 130 when interrupted. Raises FleetError."""
    if report is not None and report.suffix not in (".json", ".csv"):
        raise FleetError(f"The report {report} has to end in .json or .csv.")
    recipe = DEFAULT if recipe_file is None else read_recipe(recipe_file)
    check_recipe(recipe)
    source, output = check_folders(source, output)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with contextlib.closing(StopSignal()) as stop, Progress(*columns, console=console) as progress:
        bar = _Bar(progress, engine.name)
        options = Options(source, settle=0.0, interval=1.0, once=True)
        failures = serve(options, output, None, engine, recipe, stop=stop, turned=bar.update, redo=force)
        interrupted = stop.is_set
    with contextlib.closing(open_ledger(source, output, None, recipe)) as ledger:
        done = ledger.progress().done
        if report is not None:
            _write_report(report, ledger)
    print_failures(console, failures)
    console.print(f"{done} images done, {len(failures)} failed. Results: {output}", soft_wrap=True)
    if interrupted:
        console.print("Interrupted: the same command goes on where this one stopped.")
        return INTERRUPTED
    return 1 if failures else 0


class _Bar:
    """Shows what the ledger says, a few times a second."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)
        self._looked = 0.0

    def update(self, ledger: Ledger) -> None:
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            state = ledger.progress()
            self._progress.update(self._task, completed=state.done + state.failed, total=state.total or None)


def _write_report(file: Path, ledger: Ledger) -> None:
    rows = [row | {"path": printable(row["path"])} for row in ledger.report()]
    try:
        with file.open("w", newline="") as target:
            if file.suffix == ".json":
                json.dump(rows, target, indent=1)
            else:
                writer = csv.DictWriter(target, REPORT)
                writer.writeheader()
                writer.writerows(rows)
    except OSError as error:
        raise FleetError(f"The report {file} cannot be written: {error.strerror}.") from None
