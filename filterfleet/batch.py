"""A folder through an engine, with a progress bar, a report, and the same ledger as the listener's."""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import configure
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.text import printable
from filterfleet.fleet import INTERRUPTED, LOOK, print_failures
from filterfleet.listener.ledger.ledger import REPORT, Failure, Ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.location import check_folders
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import open_ledger, serve
from filterfleet.recipes import load_recipe


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} images/s" if task.speed else "")


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch ended: what failed, a row for each image (fields: listener.ledger.ledger.REPORT), and whether it was
    interrupted before its end."""

    failures: list[Failure]
    rows: list[dict[str, Any]]
    interrupted: bool


def process_folder(
    source: Path,
    output: Path,
    engine: Engine,
    recipe: Recipe,
    *,
    force: bool,
    stop: StopSignal,
    turned: Callable[[Ledger], None] = lambda _: None,
) -> Summary:
    """Every image of source that is not done yet, through the engine, until stop; the recipe was checked. Raises
    FleetError."""
    source, output = check_folders(source, output)
    options = Options(settle=0.0, interval=1.0, once=True)
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(contextlib.closing(OutputTree(output)))
        ledger = stack.enter_context(contextlib.closing(open_ledger(source, output, None, recipe)))
        if force:
            ledger.redo()
        try:
            failures = serve(
                options, Folder(source), tree, ledger, engine, recipe, stop=stop, turned=lambda: turned(ledger)
            )
            interrupted = False
        except InterruptedRunError:
            failures = ledger.failures()
            interrupted = True
        return Summary(failures, ledger.report(), interrupted)


def run_batch(
    source: Path, output: Path, engine: Engine, choice: str, report: Path | None, *, force: bool, stop: StopSignal
) -> int:
    """With progress bar and report; the exit code: 0, 1 when images failed, 130 when interrupted. Raises FleetError."""
    if report is not None:
        _check_report(report)
    recipe = load_recipe(choice)
    configure(logging.ERROR)  # what fails is listed at the end
    console = Console(stderr=True)
    with contextlib.closing(_Bar(console, engine.name)) as bar:
        summary = process_folder(source, output, engine, recipe, force=force, stop=stop, turned=bar.update)
        bar.finish(summary.rows)
    if report is not None:
        _write_report(report, summary.rows)
    print_failures(console, summary.failures)
    done = sum(row["status"] == "done" for row in summary.rows)
    console.print(f"{done} images done, {len(summary.failures)} failed. Results: {output}", soft_wrap=True)
    if summary.interrupted:
        console.print("Interrupted: the same command goes on where this one stopped.")
        return INTERRUPTED
    return 1 if summary.failures else 0


class _Bar:
    """Shows what the ledger says, a few times a second; nothing until there is a ledger."""

    def __init__(self, console: Console, name: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(name, total=None)
        self._looked = 0.0

    def update(self, ledger: Ledger) -> None:
        self._progress.start()
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            state = ledger.progress()
            self._progress.update(self._task, completed=state.done + state.failed, total=state.total or None)

    def finish(self, rows: list[dict[str, Any]]) -> None:
        ended = sum(row["status"] != "pending" for row in rows)
        self._progress.update(self._task, completed=ended, total=len(rows))

    def close(self) -> None:
        if self._progress.live.is_started:  # else it would print an empty line
            self._progress.stop()


def _check_report(file: Path) -> None:
    """Before hours of work, what would come to light after them. Raises FleetError."""
    if file.suffix not in (".json", ".csv"):
        raise FleetError(f"The report {file} has to end in .json or .csv.")
    if not file.parent.is_dir():
        raise FleetError(f"The report {file} cannot be written: there is no folder {file.parent}.")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise FleetError(f"The report {file} cannot be written.")


def _write_report(file: Path, rows: list[dict[str, Any]]) -> None:
    rows = [row | {"path": printable(row["path"])} for row in rows]
    try:
        with file.open("w", encoding="utf-8", newline="") as target:
            if file.suffix == ".json":
                json.dump(rows, target, indent=1)
            else:
                writer = csv.DictWriter(target, REPORT)
                writer.writeheader()
                writer.writerows(rows)
    except OSError as error:
        raise FleetError(f"The report {file} cannot be written: {error.strerror}.") from None
