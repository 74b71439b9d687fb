"""`filterfleet broker`: the daemon that clients and workers connect to."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.broker.service import serve
from filterfleet.broker.settings import Settings
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.logs import tells_images
from filterfleet.common.process.log_options import LogForm, LogImages, LogLevel
from filterfleet.common.process.options import BackendPort, FrontendPort, GroupRead, Keys, Metrics


def broker(
    bind: Annotated[str, typer.Option(help="Address of the interface to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Without keys, listen even on an address other than loopback.")
    ] = False,
    metrics: Metrics = None,
    _log_format: LogForm = None,
    _log_level: LogLevel = None,
    _log_images: LogImages = False,
    config: ConfigFile = None,
) -> None:
    """Queue the tasks of clients and lease them to workers.

    Speaks ZeroMQ RFC 6/PPP (Paranoid Pirate) on both ports. It keeps nothing on disk, so you may kill it at any time:
    clients submit again what has no result yet. With --keys, only peers whose keys are listed there can connect, and
    everything is encrypted. SIGHUP makes it read its settings and the lists again, and disconnect every peer that has
    left these.
    """

    def reread() -> None:
        if config is not None:
            config.reload((), lambda _values: None)

    settings = Settings(log_images=tells_images())
    serve(bind, frontend_port, backend_port, keys, insecure=insecure, settings=settings, metrics=metrics, reread=reread)
