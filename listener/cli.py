"""`filterfleet listener`: the daemon that turns a folder of images into a folder of results."""

from __future__ import annotations

from collections.abc import Callable

import typer

from filterfleet.common.config.config import Config
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.jobs.recipe_file import Check, unchecked
from filterfleet.common.process.log_options import LogForm, LogImages, LogLevel
from filterfleet.common.process.options import BackendPort
from filterfleet.common.process.parameters import takes_options
from filterfleet.common.text import one_line, printable
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.daemon import run_listener
from filterfleet.listener.settings.listener_options import ListenerOptions


def command(check: Check) -> Callable[..., None]:
    """The command, for typer. check finds mistakes in a recipe file: a listener itself knows no filters."""

    @takes_options(ListenerOptions)
    def listener(
        options: ListenerOptions,
        _backend_port: BackendPort = 5556,
        _log_format: LogForm = None,
        _log_level: LogLevel = None,
        _log_images: LogImages = False,
        config: ConfigFile = None,
    ) -> None:
        """Watch a folder, local or in a cloud, and put the results of every image in it into the output folder.

        A ledger remembers what has been done, so you may stop, kill and start it at any time. With --once the exit code
        is 0 when every image succeeded and 1 when some failed. SIGHUP has it read its settings, its recipe and its
        secrets again.
        """
        raise typer.Exit(run(options, check, config))

    return listener


listener = command(unchecked)


def run(options: ListenerOptions, check: Check, config: Config | None = None) -> int:
    """Run a listener. If it is to end by itself, say what was left alone and what failed. Returns the exit code. Raises
    FleetError.
    """
    ending = run_listener(options, check, config)
    if not options.once:
        return 0
    if said := sentence(ending.left_alone):
        typer.echo(printable(said), err=True)
    for failure in ending.failures:
        typer.echo(f"{printable(failure.path)}: {one_line(failure.reason)}", err=True)
    return 1 if ending.failures else 0
