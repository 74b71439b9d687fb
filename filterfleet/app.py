"""The list of commands. The module of a command is imported when the command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.common.process.command import run_command
from filterfleet.common.process.lazy import LazyCommand, LazyGroup
from filterfleet.common.process.quick import make_quick
from filterfleet.common.process.system import VERSION


class _Commands(LazyGroup):
    members = (
        LazyCommand(
            "demo",
            "filterfleet.commands.demo:demo",
            "Process a few photographs with a broker, workers and a listener on this machine, and show the results.",
        ),
        LazyCommand(
            "up",
            "filterfleet.commands.up:up",
            "Run everything on this machine: broker, workers and listener.",
        ),
        LazyCommand(
            "run",
            "filterfleet.commands.run:run",
            "Process a folder of images once.",
        ),
        LazyCommand(
            "broker",
            "filterfleet.broker.cli:broker",
            "Queue the tasks of clients and lease them to workers.",
        ),
        LazyCommand(
            "worker",
            "filterfleet.worker.cli:worker",
            "Process images for a broker, on this machine or another.",
        ),
        LazyCommand(
            "listener",
            "filterfleet.commands.listener:listener",
            "Watch a folder, local or in a cloud, and put the results of every image in it into the output folder.",
        ),
        LazyCommand(
            "submit",
            "filterfleet.commands.submit:submit",
            "Send image files to a running broker and wait for the results.",
        ),
        LazyCommand(
            "status",
            "filterfleet.commands.status:status",
            "Show what a broker, its workers and a listener are doing.",
        ),
        LazyCommand(
            "health",
            "filterfleet.commands.health:health",
            "Say in a sentence, and by the exit code, whether a part of a fleet is well.",
        ),
        LazyCommand(
            "doctor",
            "filterfleet.commands.doctor:doctor",
            "Say whether this machine is fit for a fleet, and what to do where it is not.",
        ),
        LazyCommand(
            "jobs",
            "filterfleet.commands.jobs:jobs",
            "List the images of a listener with what has become of them, the newest first.",
        ),
        LazyCommand(
            "job",
            "filterfleet.commands.job:job",
            "Tell the whole story of one image: every attempt, the time of each stage, its results, why it failed.",
        ),
        LazyCommand(
            "failed",
            "filterfleet.commands.failed:failed",
            "Show why images have failed: each reason with its number of images, the commonest first.",
        ),
        LazyCommand(
            "dashboard",
            "filterfleet.dashboard.cli:dashboard",
            "Show what a fleet does on a web page: progress, workers, failures, jobs and pictures.",
        ),
        LazyCommand(
            "retry",
            "filterfleet.commands.retry:retry",
            "Have a listener try images again that have failed.",
        ),
        LazyCommand(
            "redo",
            "filterfleet.commands.redo:redo",
            "Have a listener process images again, though they are done.",
        ),
        LazyCommand(
            "plan",
            "filterfleet.commands.plan:plan",
            "Show what a listener with these options would do, without doing it.",
        ),
        LazyCommand(
            "pause",
            "filterfleet.commands.pausing:pause",
            "Have a listener begin nothing new, until `filterfleet resume`.",
        ),
        LazyCommand(
            "resume",
            "filterfleet.commands.pausing:resume",
            "Have a listener go on after `filterfleet pause`.",
        ),
        LazyCommand(
            "verify",
            "filterfleet.commands.verify:verify",
            "Check that every result that the ledger knows of is in the output folder.",
        ),
        LazyCommand(
            "confirm-removals",
            "filterfleet.commands.confirm_removals:confirm_removals",
            "Tell a listener that most images have vanished from its source on purpose.",
        ),
        LazyCommand(
            "ledger",
            "filterfleet.commands.ledger:ledger",
            "Check the ledger of a listener, make it anew, or forget what it need not know any more.",
        ),
        LazyCommand(
            "filters",
            "filterfleet.commands.filters:filters",
            "Show the filters that recipes can name, or one filter with its parameters.",
        ),
        LazyCommand(
            "config",
            "filterfleet.commands.config:config",
            "Print, check and explain the settings of the daemons: filterfleet.toml.",
        ),
        LazyCommand(
            "keys",
            "filterfleet.commands.keys:keys",
            "Make the keys of a broker and of the machines that may connect to it, and list them.",
        ),
        LazyCommand(
            "revoke",
            "filterfleet.commands.revoke:revoke",
            "Take the keys of a machine back.",
        ),
        LazyCommand(
            "join",
            "filterfleet.commands.join:join",
            "Make this machine a part of a fleet.",
        ),
        LazyCommand(
            "systemd",
            "filterfleet.commands.systemd:systemd",
            "Install the daemons as services of this machine, upgrade or remove them.",
        ),
        LazyCommand(
            "remotes",
            "filterfleet.commands.remotes:remotes",
            "Show the remotes that can be a source or an output, or the space of one remote.",
        ),
        LazyCommand(
            "chaos",
            "filterfleet.commands.chaos:chaos",
            "Kill, freeze and restart a fleet of its own while it works, then verify what it has done.",
        ),
        LazyCommand(
            "recipe",
            "filterfleet.commands.recipe:recipe",
            "Write, check and show recipes, which say what becomes of every image.",
        ),
        LazyCommand(
            "plugin",
            "filterfleet.commands.plugin:plugin",
            "Begin a package with filters of your own.",
        ),
        LazyCommand(
            "bench",
            "filterfleet.bench.cli:bench",
            "Measure speed, the start, the broker, the page, huge images, scans, flow control, stragglers, encryption.",
        ),
    )


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a list needs no Rich, which takes as long as everything else here
    help="Apply image filters to every photograph in a folder, on a fleet of worker daemons.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"filterfleet {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Takes the options that stand before a command."""


def run() -> None:
    run_command(make_quick(typer.main.get_command(app)))
