"""`filterfleet dashboard`: the page that shows what a fleet does."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.address import Address
from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.config.setting import Secret
from filterfleet.common.errors import FleetError
from filterfleet.common.process.log_options import LogForm, LogLevel
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, GroupRead, Keys
from filterfleet.dashboard.address import DEFAULT, parse_bind, parse_prefix
from filterfleet.dashboard.launch import url_of
from filterfleet.dashboard.settings import Settings
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.opening import ledger_of
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.settings.connection import mask
from filterfleet.listener.settings.location import parse_location


def dashboard(
    output: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The results of a listener: a local folder or REMOTE:PATH."),
        Secret(mask),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The folder of its ledger, for a listener that has one of its own.")
    ] = None,
    bind: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where browsers find the page.")] = DEFAULT,
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, and take no orders: no retry, no pause.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(metavar="PATH", help="The path below which a reverse proxy shows the page, such as /fleet.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name under which browsers reach the page, as a reverse proxy passes it on. May be given several "
            "times.",
        ),
    ] = None,
    behind_https: Annotated[
        bool,
        typer.Option(
            "--behind-https",
            help="A proxy with HTTPS stands before the page, and says so in X-Forwarded-Proto: browsers then send the "
            "token over HTTPS only.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Do not print the address, so that its token gets into no log.")
    ] = False,
    _log_format: LogForm = None,
    _log_level: LogLevel = None,
    config: ConfigFile = None,
) -> None:
    """Show what a fleet does on a web page: progress, workers, failures, jobs and pictures.

    It reads the ledger, and asks the broker once a second while somebody looks. It works while either of them is down.
    The address that it prints has a token in it, which a browser keeps.
    """
    check_brokers(broker)
    if output is None and state is None:
        raise FleetError("Say which fleet is meant: --output names its results, --state the folder of its ledger.")
    ledger = ledger_of(output, state)
    with reader(ledger):
        pass  # or there is none, which is said now
    place = parse_location(where) if (where := output or _output_in(ledger)) else None
    settings = Settings(
        state=ledger.parent.resolve(),
        output="" if place is None else str(place),
        folder=place.resolve() if isinstance(place, Path) else None,
        broker=broker,
        frontend_port=frontend_port,
        keys=keys,
        bind=parse_bind(bind, "--bind"),
        hosts=tuple(allow_host or ()),
        prefix=parse_prefix(prefix),
        read_only=read_only,
        behind_https=behind_https,
    )
    # Here, because a server and an event loop take 0.1 s to import.
    from filterfleet.dashboard.server import serve

    def say(address: Address, token: str) -> None:
        if not address.is_loopback:
            typer.echo("Who can read this network's traffic sees the token: let a proxy with HTTPS stand before it.")
        typer.echo(f"The dashboard is at {url_of(address, settings.prefix, token)}")

    def reread() -> None:
        if config is not None:
            config.reload((), lambda _values: None)

    serve(settings, (lambda *_: None) if quiet else say, reread)


def _output_in(ledger: Path) -> str:
    """The output that a ledger is about; empty if it knows none, or several."""
    with contextlib.suppress(FleetError):  # an earlier version's, which its listener will bring up to date
        outputs = {place.output for place in History(ledger).places()}
        return (outputs.pop() or "") if len(outputs) == 1 else ""
    return ""
