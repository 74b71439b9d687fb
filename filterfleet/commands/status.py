"""`filterfleet status`: what a broker and its fleet are doing."""

from __future__ import annotations

import typer

from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys
from filterfleet.common.text import json_text

PATIENCE = 5.0  # seconds that the broker has to let us in, and again to answer


def status(
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
) -> None:
    """Show the workers, the queue and the counters of a running broker, as JSON."""
    check_brokers(broker)
    with Client(broker, frontend_port, keys) as client:
        require_broker(client, broker, frontend_port, PATIENCE)
        try:
            report = client.status().result(PATIENCE)
        except TimeoutError:
            raise FleetError(f"The broker at {broker} did not answer within {PATIENCE:g} s.") from None
        typer.echo(json_text(report, indent=2))
