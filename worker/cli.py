"""`filterfleet worker`: supervised worker processes on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.common.config.option import ConfigFile
from filterfleet.common.metrics.children import Children
from filterfleet.common.metrics.serving import serving
from filterfleet.common.metrics.telling import WANTED
from filterfleet.common.process.log_options import LogForm, LogImages, LogLevel
from filterfleet.common.process.options import (
    BackendPort,
    BrokerHost,
    FrontendPort,
    GroupRead,
    Keys,
    Memory,
    Metrics,
    NoSandbox,
    ShareFolders,
)
from filterfleet.common.process.supervisor import supervise
from filterfleet.worker.processes import Given, Processes

GRACE = 10.0  # seconds that a process gets to end beyond its drain limit, before it is killed


def worker(
    broker: BrokerHost = "127.0.0.1",
    _frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    threads: Annotated[
        int,
        typer.Option(
            min=0, max=1024, help="Images that one process works on at once. 0 shares the cores among the processes."
        ),
    ] = 0,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=1024,
            help="Processes, each with its own threads. More lose fewer images when one dies, fewer take less memory.",
        ),
    ] = 1,
    memory: Memory = None,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    drain_limit: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds after SIGTERM to finish the images in hand. What is left is given back to the broker."
        ),
    ] = 60.0,
    shares: ShareFolders = None,
    no_sandbox: NoSandbox = False,
    metrics: Metrics = None,
    _log_format: LogForm = None,
    _log_level: LogLevel = None,
    _log_images: LogImages = False,
    config: ConfigFile = None,
) -> None:
    """Process images for a broker, on this machine or another.

    Each process is supervised and restarted when it dies. SIGTERM finishes the images in hand and ends; a second
    SIGTERM gives them back to the broker at once. SIGHUP reads the settings and the keys again. If they have changed,
    the processes are replaced one after another, each when it has finished the images in hand.
    """
    given = Given(broker, backend_port, threads, memory, drain_limit, keys, tuple(shares or ()), no_sandbox)
    fleet = Processes(given, processes, {WANTED: "1"} if metrics else {}, config)
    children = Children(lambda _name: True)
    with serving(metrics, lambda: children.families):
        supervise(fleet.specs(given), patience=drain_limit + GRACE, watch=children.look, reread=fleet.reread)
