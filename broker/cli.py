"""`filterfleet broker`: the daemon that clients and workers connect to."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, FrontendPort, Keys


def broker(
    bind: Annotated[str, typer.Option(help="Address of the interface to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on other addresses than loopback even without keys.")
    ] = False,
) -> None:
    """Queue the tasks of clients and lease them to workers.

    Speaks ZeroMQ RFC 6/PPP (Paranoid Pirate) on both ports. It keeps nothing on disk: kill it at any time,
    clients submit again what has no result yet. With --keys only peers that are listed there can connect, and
    everything is encrypted; SIGHUP reads the lists again and cuts off whoever is not in them any more.
    """
    from filterfleet.broker.service import serve

    serve(bind, frontend_port, backend_port, keys, insecure=insecure)
