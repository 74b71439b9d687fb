"""`filterfleet up`: broker, workers and listener on this machine, as supervised processes on loopback."""

from __future__ import annotations

from typing import Annotated

import typer

from common.options import BackendPort, FrontendPort, Memory, RecipeChoice
from listener.cli import Interval, OutputRoot, Settle, Source, State

Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Threads = Annotated[int, typer.Option(min=0, max=1024, help="Threads in each; 0 shares the cores among the workers.")]


def up(
    source: Source,
    output: OutputRoot,
    recipe: RecipeChoice = "default",
    workers: Workers = 2,
    threads: Threads = 0,
    memory: Memory = None,
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    state: State = None,
    settle: Settle = 1.0,
    interval: Interval = 5.0,
    once: Annotated[bool, typer.Option("--once", help="End when everything in the source is done.")] = False,
) -> None:
    """Run everything on this machine: broker, workers and listener.

    With --once it ends when every image is done: exit code 0 if all succeeded, 1 if some failed (they are
    listed with the reasons). Without, it watches the source until you press Ctrl-C. Processes that die are
    started again. More workers may join by hand: filterfleet worker.
    """
    from filterfleet.fleet import Fleet

    fleet = Fleet(
        source, output, recipe, state, workers, threads, memory, frontend_port, backend_port, settle, interval
    )
    if not once:
        typer.echo(f"Watching {fleet.source}; results appear in {fleet.output}. Ctrl-C ends it.")
        fleet.run_until_stopped()
        return
    code = fleet.run_once()
    fleet.report(code)
    raise typer.Exit(code)
