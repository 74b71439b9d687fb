"""`filterfleet broker`: the daemon that clients and workers connect to."""

from __future__ import annotations

from typing import Annotated

import typer

from common.options import BackendPort, FrontendPort


def broker(
    bind: Annotated[str, typer.Option(help="Address of the interface to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
) -> None:
    """Queue the tasks of clients and lease them to workers.

    Speaks ZeroMQ RFC 6/PPP (Paranoid Pirate) on both ports. It keeps nothing on disk: kill it at any time,
    clients submit again what has no result yet. There is no authentication: bind to networks you trust.
    """
    from broker.service import serve

    serve(bind, frontend_port, backend_port)
