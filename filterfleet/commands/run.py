"""`filterfleet run`: one folder, once, through the engine of your choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.jobs.engine import EngineName
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys, Memory, RecipeChoice


def run(
    source: Annotated[Path, typer.Argument(help="Folder of images, with all its subfolders.", metavar="IN")],
    output: Annotated[Path, typer.Argument(help="Folder for the results, one subfolder an output.", metavar="OUT")],
    engine: Annotated[EngineName, typer.Option(help="What processes the images.")] = EngineName.PROCESSES,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (processes, dask).  [default: cores]")] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads in each process (threads, processes, dask).  [default: 1; threads: cores]"),
    ] = None,
    recipe: RecipeChoice = "default",
    memory: Memory = None,
    report: Annotated[Path | None, typer.Option(help="File for a row an image, .json or .csv.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Redo what is done and unchanged.")] = False,
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:PORT.  [default: one of our own]")
    ] = None,
) -> None:
    """Process a folder of images once.

    Every engine gives the same files, byte for byte. Interrupt it and run it again: what is done and unchanged is
    skipped. The exit code is 0 when every image succeeded, 1 when some failed, 130 when it was interrupted.
    """
    import contextlib

    from filterfleet.batch import run_batch
    from filterfleet.common.process.wakeup import StopSignal
    from filterfleet.worker.engines.select import open_engine

    # First of all: under MPI every rank comes here, and only the first one goes on.
    opened = open_engine(
        engine,
        workers=workers,
        threads=threads,
        memory=memory,
        broker=broker,
        frontend_port=frontend_port,
        scheduler=scheduler,
        keys=keys,
    )
    # From now on Ctrl-C is asked for: as an exception in the middle of a library's start it may get lost.
    with contextlib.closing(opened), contextlib.closing(StopSignal()) as stop:
        code = run_batch(source, output, opened, recipe, report, force=force, stop=stop)
    raise typer.Exit(code)
