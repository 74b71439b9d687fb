"""How a process of the engine `processes` begins: it confines itself, and then loads what decodes images."""

from __future__ import annotations

from multiprocessing.connection import Connection

from filterfleet.worker.sandbox.confinement import enter


def serve(connection: Connection, threads: int, memory: int, time_limit: float, sandbox: bool) -> None:
    """The arguments are those of serving.serve, and whether to enter a sandbox, in which there is no network."""
    if sandbox:
        enter(ports=())
    # These start threads when they are loaded, and a thread that is there before the sandbox is outside of it.
    from filterfleet.worker.engines import serving

    serving.serve(connection, threads, memory, time_limit)
