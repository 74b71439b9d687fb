"""`filterfleet COMMAND`. Nothing heavy is imported before a command runs, so that --help stays fast."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.bench.cli import compare, curve, flow, huge, scan, stragglers
from filterfleet.broker.cli import broker
from filterfleet.commands.chaos import chaos
from filterfleet.commands.demo import demo
from filterfleet.commands.filters import filters
from filterfleet.commands.keys import keys
from filterfleet.commands.recipe import recipe
from filterfleet.commands.remotes import remotes
from filterfleet.commands.run import run
from filterfleet.commands.status import status
from filterfleet.commands.submit import submit
from filterfleet.commands.up import up
from filterfleet.common.process.command import daemon
from filterfleet.listener.cli import listener
from filterfleet.recipes import check_filter
from filterfleet.worker.cli import worker

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
        from filterfleet.common.process.system import version

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
    daemon(app)
