"""`filterfleet COMMAND`. Nothing heavy is imported before a command runs, so that --help stays fast."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import compare, curve, flow, huge, scan, stragglers
from broker.cli import broker
from common.command import daemon
from filterfleet.chaos import chaos
from filterfleet.demo import demo
from filterfleet.filters_command import filters
from filterfleet.keys_command import keys
from filterfleet.recipe_command import recipe
from filterfleet.recipes import check_filter
from filterfleet.remotes_command import remotes
from filterfleet.run_command import run
from filterfleet.status import status
from filterfleet.submit import submit
from filterfleet.up import up
from listener.cli import listener
from worker.cli import worker

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Apply image filters to every photograph in a folder, on a fleet of worker daemons.",
)
bench = typer.Typer(
    no_args_is_help=True, help="Measure speed, huge images, scans, flow control, stragglers, encryption."
)
bench.command()(compare)
bench.command()(huge)
bench.command()(scan)
bench.command()(flow)
bench.command()(stragglers)
bench.command()(curve)
for command in (demo, up, run, broker, worker, listener, submit, status, filters, keys, remotes, chaos):
    app.command()(command)
app.add_typer(recipe, name="recipe")
app.add_typer(bench, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        from common.system import version

        typer.echo(f"filterfleet {version()}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    context.obj = check_filter  # for the listener, which does not know the filters


def main() -> None:
    daemon(app, __file__)
