"""How a process of the engine `processes` begins: it confines itself, and then loads what decodes images.

multiprocessing calls serve(). A zygote runs this as a program, whose standard input is the pipe.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from filterfleet.worker.sandbox.confinement import enter


def serve(connection: Connection, threads: int, memory: int, time_limit: float, sandbox: bool) -> None:
    """The arguments are those of serving.serve, and whether to enter a sandbox, in which there is no network."""
    if sandbox:
        enter(ports=())
    # These start threads when they are loaded, and a thread that is there before the sandbox is outside of it.
    from filterfleet.worker.engines import serving

    serving.serve(connection, threads, memory, time_limit)


def arguments(threads: int, memory: int, time_limit: float, sandbox: bool) -> list[str]:
    """What _main() reads."""
    return [str(threads), str(memory), str(time_limit), str(int(sandbox))]


def _main(threads: str, memory: str, time_limit: str, sandbox: str) -> None:
    connection = Connection(os.dup(0))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    serve(connection, int(threads), int(memory), float(time_limit), sandbox == "1")


if __name__ == "__main__":
    _main(*sys.argv[1:])
