"""`filterfleet up`: broker, workers and listener on this machine, as supervised processes on loopback."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, FrontendPort, Keys, Memory, RecipeChoice
from filterfleet.listener.cli import (
    AfterSuccess,
    BackfillOrder,
    Bandwidth,
    Exclude,
    FailedImages,
    Include,
    Interval,
    MaxSize,
    Once,
    OutputRoot,
    RcloneConfig,
    Settle,
    SourceRoot,
    SpoolLimit,
    State,
    Transfers,
)
from filterfleet.listener.settings.options import Backfill, Failures

Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Threads = Annotated[int, typer.Option(min=0, max=1024, help="Threads in each; 0 shares the cores among the workers.")]


def up(
    source: SourceRoot,
    output: OutputRoot,
    recipe: RecipeChoice = "default",
    workers: Workers = 2,
    threads: Threads = 0,
    memory: Memory = None,
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    state: State = None,
    once: Once = False,
    settle: Settle = 1.0,
    interval: Interval = None,
    include: Include = None,
    exclude: Exclude = None,
    max_size: MaxSize = None,
    backfill: BackfillOrder = Backfill.OLDEST,
    after: AfterSuccess = "keep",
    failed: FailedImages = Failures.COPY,
    rclone_config: RcloneConfig = None,
    bandwidth: Bandwidth = None,
    transfers: Transfers = 4,
    spool_limit: SpoolLimit = None,
) -> None:
    """Run everything on this machine: broker, workers and listener.

    With --once it ends when every image is done: exit code 0 if all succeeded, 1 if some failed (they are
    listed with the reasons). Without, it watches the source until you press Ctrl-C. Processes that die are
    started again. More workers may join by hand: filterfleet worker.
    """
    from filterfleet.fleet import Fleet

    fleet = Fleet(
        source,
        output,
        recipe,
        workers=workers,
        threads=threads,
        memory=memory,
        ports=(frontend_port, backend_port),
        keys=keys,
        state=state,
        listener={
            "--settle": settle,
            "--interval": interval,
            "--include": include,
            "--exclude": exclude,
            "--max-size": max_size,
            "--backfill": backfill,
            "--after": after,
            "--failed": failed,
            "--rclone-config": rclone_config and rclone_config.absolute(),
            "--bandwidth": bandwidth,
            "--transfers": transfers,
            "--spool-limit": spool_limit,
        },
    )
    if not once:
        typer.echo(f"Watching {fleet.source}; results appear in {fleet.output}. Ctrl-C ends it.")
        fleet.run_until_stopped()
        return
    code = fleet.run_once()
    fleet.report(code)
    raise typer.Exit(code)
