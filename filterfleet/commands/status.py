"""`filterfleet status`: what a broker and its fleet are doing."""

from __future__ import annotations

import typer

from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys

PATIENCE = 5.0  # seconds for the broker to answer


def status(
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
) -> None:
    """Show a running broker's workers, queue and counters, as JSON."""
    import json

    from filterfleet.common.client.brokers import check_brokers
    from filterfleet.common.client.client import Client, require_broker
    from filterfleet.common.errors import FleetError

    check_brokers(broker)
    with Client(broker, frontend_port, keys) as client:
        require_broker(client, broker, frontend_port, PATIENCE)
        try:
            report = client.status().result(PATIENCE)
        except TimeoutError:
            raise FleetError(f"The broker at {broker} did not answer within {PATIENCE:g} s.") from None
        typer.echo(json.dumps(report, indent=2))
