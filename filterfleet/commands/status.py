"""`filterfleet status`: what a broker and its fleet are doing, and how far a listener is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys
from filterfleet.common.text import json_text
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.ledger.opening import ledger_of
from filterfleet.listener.ledger.overview import Standing, overview

PATIENCE = 5.0  # seconds that the broker has to let us in, and again to answer


def status(
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Results of a listener, of `up` or of `run`: show what its ledger says, too."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The same by the folder of the ledger, for a listener that has one of its own.")
    ] = None,
) -> None:
    """Show the workers, the queue and the counters of a running broker, as JSON.

    With --output or --state, `ledger` has a row for each source and recipe: how many images are done, failed and
    pending, and what was left alone. It is shown even when no broker answers, which standard error then says.
    """
    check_brokers(broker)
    shown: dict[str, Any] = {}
    if output is not None or state is not None:
        shown["ledger"] = [_row(standing) for standing in overview(ledger_of(output, state))]
    try:
        shown |= _report(broker, frontend_port, keys)
    except FleetError as error:
        if not shown:
            raise
        typer.echo(str(error), err=True)
    typer.echo(json_text(shown, indent=2))


def _report(broker: str, frontend_port: int, keys: Path | None) -> dict[str, Any]:
    """What the broker says. Raises FleetError."""
    with Client(broker, frontend_port, keys) as client:
        require_broker(client, broker, frontend_port, PATIENCE)
        try:
            return client.status().result(PATIENCE)
        except TimeoutError:
            raise FleetError(f"The broker at {broker} did not answer within {PATIENCE:g} s.") from None


def _row(standing: Standing) -> dict[str, Any]:
    return asdict(standing) | {"left_alone_in_words": sentence(standing.left_alone)}
