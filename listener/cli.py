"""`filterfleet listener`: the daemon that turns a folder of images into a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.options import BackendPort, BrokerHost, FrontendPort, RecipeChoice

Source = Annotated[Path, typer.Option(help="Folder whose images are processed, with all its subfolders.")]
OutputRoot = Annotated[Path, typer.Option("--output", help="Folder for the results, one subfolder an output.")]
State = Annotated[
    Path | None, typer.Option(help="Folder for the ledger.  [default: .filterfleet in the output folder]")
]
Settle = Annotated[
    float,
    typer.Option(min=0, help="Seconds a file must stay unchanged before it counts as completely written."),
]
Interval = Annotated[float, typer.Option(min=0.1, help="Seconds between scans when nothing seems to happen.")]


def listener(
    context: typer.Context,
    source: Source,
    output: OutputRoot,
    recipe: RecipeChoice = "default",
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    state: State = None,
    settle: Settle = 1.0,
    interval: Interval = 5.0,
    once: Annotated[bool, typer.Option("--once", help="End when everything in the source is done.")] = False,
) -> None:
    """Watch a folder, have every image in it processed, and put the results into the output folder.

    A ledger remembers what has been done: stop, kill and start it as you like. With --once the exit code is
    0 when every image succeeded and 1 when some failed.
    """
    # A listener does not know the filters: whoever does, puts a common.recipe_file.Check into the context.
    import contextlib

    from common.client import Client, require_broker
    from common.recipe_file import unchecked
    from common.recipes import find_recipe
    from common.system import check_host
    from common.text import printable
    from common.wakeup import StopSignal
    from listener.placement import OutputTree
    from listener.service import Options
    from listener.setup import MissingFilters, check_folders, open_ledger, serve

    check_host(broker)
    chosen = find_recipe(recipe, context.obj or unchecked)
    source, output = check_folders(source, output)
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(contextlib.closing(OutputTree(output)))
        ledger = stack.enter_context(contextlib.closing(open_ledger(source, output, state, chosen)))
        stop = stack.enter_context(contextlib.closing(StopSignal()))
        client = stack.enter_context(Client(broker, frontend_port))
        if once:
            require_broker(client, broker, frontend_port, stopped=lambda: stop.is_set)
        options = Options(source, settle, interval, once)
        missing = MissingFilters(chosen, client)
        failures = serve(options, tree, ledger, client, chosen, stop=stop, turned=missing.look)
    if once:
        for failure in failures:
            typer.echo(f"{printable(failure.path)}: {failure.reason}", err=True)
        raise typer.Exit(1 if failures else 0)
