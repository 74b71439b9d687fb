"""`filterfleet submit`: single files to a running broker, results to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys, RecipeChoice


def submit(
    files: Annotated[list[Path], typer.Argument(help="Image files.", metavar="FILE...")],
    output: Annotated[Path, typer.Option(help="Folder for the results, one subfolder an output.")],
    recipe: RecipeChoice = "default",
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
) -> None:
    """Send image files to a running broker and wait for the results.

    The exit code is 0 when every file succeeded and 1 when some failed.
    """
    from filterfleet.common.client.brokers import check_brokers
    from filterfleet.common.text import printable
    from filterfleet.recipes import load_recipe
    from filterfleet.submission import submit_files

    check_brokers(broker)
    chosen = load_recipe(recipe)
    succeeded = True
    for file, outcome in submit_files(files, output, chosen, broker, frontend_port, keys):
        if isinstance(outcome, str):
            succeeded = False
            typer.echo(f"{printable(str(file))}: {outcome}", err=True)
        else:
            for place in outcome:
                typer.echo(place)
    raise typer.Exit(0 if succeeded else 1)
