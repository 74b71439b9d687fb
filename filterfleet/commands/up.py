"""`filterfleet up`: broker, workers and listener on this machine, as supervised processes on loopback."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Annotated

import typer

from filterfleet.common.address import Address
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.process.log_options import LogForm, LogImages, LogLevel
from filterfleet.common.process.options import BackendPort, Memory, NoSandbox
from filterfleet.common.process.parameters import takes_options
from filterfleet.common.process.supervisor import Supervisor
from filterfleet.common.text import printable
from filterfleet.dashboard.address import DEFAULT, BusyPortError, parse_bind
from filterfleet.dashboard.launch import check_free
from filterfleet.fleet import Fleet
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.live import LiveLine

Workers = Annotated[int, typer.Option(min=1, max=1024, help="Worker processes.")]


@takes_options(ListenerOptions, without={"broker", "previews"})
def up(
    options: ListenerOptions,
    backend_port: BackendPort = 5556,
    workers: Workers = 2,
    threads: Annotated[
        int,
        typer.Option(
            min=0, max=1024, help="Images that each worker works on at once. 0 shares the cores among the workers."
        ),
    ] = 0,
    memory: Memory = None,
    no_sandbox: NoSandbox = False,
    dashboard: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where browsers find the page that shows what the fleet does.",
            show_default=f"{DEFAULT}, and none with --once",
        ),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="No such page.")] = False,
    no_previews: Annotated[
        bool, typer.Option("--no-previews", help="No small pictures of images and results for that page.")
    ] = False,
    _log_format: LogForm = None,
    _log_level: LogLevel = None,
    _log_images: LogImages = False,
    _config: ConfigFile = None,
) -> None:
    """Run everything on this machine: broker, workers and listener.

    With --once it ends when every image is done: the exit code is 0 if all succeeded and 1 if some failed, which are
    listed with the reasons. Without --once it watches the source until you press Ctrl-C, and says in a line how far it
    is. Processes that die are restarted. You may add more workers by hand with `filterfleet worker`.
    """
    page = None if no_dashboard else _page(dashboard, once=options.once)
    fleet = Fleet(
        replace(options, previews=page is not None and not no_previews),
        workers=workers,
        threads=threads,
        memory=memory,
        backend_port=backend_port,
        sandbox=not no_sandbox,
        page=page,
    )
    if page is not None:
        typer.echo(f"See what it does: {fleet.page_url}")
    if not options.once:
        source, output = printable(str(fleet.source)), printable(str(fleet.output))
        greeting = [f"Watching {source}; results appear in {output}. Ctrl-C ends it."]
        with contextlib.closing(LiveLine()) as line:

            def watch(supervisor: Supervisor) -> bool:
                if greeting:  # not before Ctrl-C is caught
                    typer.echo(greeting.pop())
                if supervisor.ready and line.is_due:
                    line.show(fleet.words(supervisor))
                return False

            fleet.run_until_stopped(watch)
        return
    code = fleet.run_once()
    fleet.report(code)
    raise typer.Exit(code)


def _page(wanted: str | None, *, once: bool) -> Address | None:
    """Where the dashboard goes. A port that is taken costs the dashboard, and nothing else. Raises FleetError."""
    if wanted is None and once:
        return None
    address = parse_bind(wanted or DEFAULT, "--dashboard")
    try:
        check_free(address)
    except BusyPortError as error:
        typer.echo(f"{error} The fleet runs without it; --dashboard HOST:PORT names another place.", err=True)
        return None
    return address
