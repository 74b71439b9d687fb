"""`filterfleet run`: one folder, once, through the engine of your choice, with a progress bar and a report."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.batch import batch_selection, process_folder, shares_for
from filterfleet.commands.report_file import check_report, write_report
from filterfleet.common.jobs.engine import Engine, EngineName
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import configure
from filterfleet.common.process.options import (
    BackendPort,
    BrokerHost,
    FrontendPort,
    GroupRead,
    Keys,
    Memory,
    NoSandbox,
    RecipeChoice,
    ShareFolders,
)
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.text import printable
from filterfleet.console import INTERRUPTED, Bar, print_failures, print_left_alone
from filterfleet.listener.settings.listener_options import FOLLOW_LINKS, NO_DEFAULT_EXCLUDES, SNIFF
from filterfleet.listener.settings.location import check_folders
from filterfleet.listener.settings.selection import Selection
from filterfleet.recipes import load_recipe
from filterfleet.worker.engines.select import open_engine

DISTANT = {EngineName.CLUSTER, EngineName.DASK}  # engines that may take long to say that nobody answers


def run(
    source: Annotated[Path, typer.Argument(help="Folder of images, with all its subfolders.", metavar="IN")],
    output: Annotated[
        Path, typer.Argument(help="Folder for the results, with one subfolder for each output.", metavar="OUT")
    ],
    engine: Annotated[EngineName, typer.Option(help="What processes the images.")] = EngineName.PROCESSES,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Processes, for the engines processes and dask.", show_default="one per core"
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Threads in each process, for the engines threads, processes and dask.",
            show_default="1, but one per core for threads",
        ),
    ] = None,
    recipe: RecipeChoice = "default",
    memory: Memory = None,
    report: Annotated[
        Path | None, typer.Option(help="File for a report with one row for each image, .json or .csv.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is done and unchanged.")] = False,
    no_default_excludes: Annotated[bool, NO_DEFAULT_EXCLUDES] = False,
    sniff: Annotated[bool, SNIFF] = False,
    follow_links: Annotated[bool, FOLLOW_LINKS] = False,
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tls://HOST:PORT.", show_default="one that is started here"),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Use a Dask scheduler without TLS, such as tcp://HOST:PORT.")
    ] = False,
    share: ShareFolders = None,
    no_sandbox: NoSandbox = False,
) -> None:
    """Process a folder of images once.

    Every engine gives the same files, byte for byte. You may interrupt it and run it again: it skips what is done and
    unchanged. The exit code is 0 when every image succeeded, 1 when some failed, and 130 when it was interrupted.
    """
    shares = shares_for(engine, share or (), source, output)
    if engine in DISTANT:
        _check(source, output, recipe, report)
    # First of all: under MPI every rank comes here, and only rank 0 goes on.
    opened = open_engine(
        engine,
        workers=workers,
        threads=threads,
        memory=memory,
        broker=broker,
        frontend_port=frontend_port,
        scheduler=scheduler,
        insecure=insecure,
        sandbox=not no_sandbox,
        keys=keys,
        shares=shares,
    )
    # Ctrl-C sets a flag only from here on. Before, it is an exception, which a library that is starting may swallow.
    with contextlib.closing(opened), contextlib.closing(StopSignal()) as stop:
        selection = batch_selection(no_default_excludes=no_default_excludes, sniff=sniff)
        code = run_batch(
            source,
            output,
            opened,
            recipe,
            report,
            force=force,
            stop=stop,
            selection=selection,
            links=follow_links,
            shares=shares,
        )
    raise typer.Exit(code)


def _check(source: Path, output: Path, choice: str, report: Path | None) -> Recipe:
    """The recipe. Raises FleetError for whatever can be seen to be wrong without an engine."""
    check_folders(source, output)
    if report is not None:
        check_report(report)
    return load_recipe(choice)


def run_batch(
    source: Path,
    output: Path,
    engine: Engine,
    choice: str,
    report: Path | None,
    *,
    force: bool,
    stop: StopSignal,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    links: bool = False,
    shares: Sequence[str] = (),
) -> int:
    """Process the folder, with a progress bar and a report.

    Returns the exit code: 0, 1 when images failed, INTERRUPTED. Raises FleetError.
    """
    recipe = _check(source, output, choice, report)
    configure(logging.ERROR)  # failures are listed at the end
    with contextlib.closing(Bar(engine.name, stderr=True)) as bar:
        summary = process_folder(
            source,
            output,
            engine,
            recipe,
            force=force,
            stop=stop,
            selection=selection,
            links=links,
            shares=shares,
            turned=bar.look,
        )
        bar.update(sum(row["status"] != "pending" for row in summary.rows), len(summary.rows))
    print_failures(summary.failures, stderr=True)
    done = sum(row["status"] == "done" for row in summary.rows)
    typer.echo(f"{done} images done, {len(summary.failures)} failed. Results: {printable(str(output))}", err=True)
    print_left_alone(summary.left_alone, stderr=True)
    if report is not None:  # behind what was found out, which is not to be lost with it
        write_report(report, summary.rows)
    if summary.interrupted:
        typer.echo("Interrupted: the same command goes on where this one stopped.", err=True)
        return INTERRUPTED
    return 1 if summary.failures else 0
