"""`filterfleet COMMAND`: the first thing that runs. It starts what can be loaded beside the command itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from filterfleet.common.process import zygote

# What the processes of a command load, by the command and the module that such a process runs. The module itself is no
# part of it: it runs in each of them, and so do the plugins, which have to be in the sandbox.
_BROKER = {"filterfleet.broker": ("filterfleet.broker.cli", "filterfleet.common.process.role")}
_LISTENER = {"filterfleet.listener.process": ("filterfleet.listener.cli", "filterfleet.listener.handover")}
_WORKERS = {
    "filterfleet.worker.process": (
        "filterfleet.worker.daemon",
        "filterfleet.worker.sandbox.names",
        "argparse",
        "importlib.metadata",
    )
}
_FLEET = {**_WORKERS, **_LISTENER, **_BROKER}  # those first that take longest
LOADS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "up": _FLEET,
    "demo": _FLEET,
    "run": {"filterfleet.worker.engines.child": ("filterfleet.worker.engines.serving", "importlib.metadata")},
}

OTHER_ENGINES = {"sequential", "threads", "mpi", "dask", "cluster"}  # they need no process that is forked


def main() -> None:
    # No filter multiplies matrices that are worth a second thread, and a process with threads must not be forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    zygote.prepare(loads(sys.argv[1:]))
    # Typer, which takes as long as OpenCV, and whatever the command needs.
    from filterfleet.app import run

    run()


def loads(words: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What the processes of a command load. A guess, before the words are parsed: one too many is never asked for, and
    without one the processes take longer to start."""
    # The location of a remote may hold secrets, and each process that is forked shows the command line for a moment.
    none = any(word.removeprefix("--engine=") in OTHER_ENGINES or word == "--help" or ":" in word for word in words)
    return {} if none or not words else LOADS.get(words[0], {})
