"""`filterfleet COMMAND`: the first thing that runs. It starts what can be loaded beside the command itself."""

from __future__ import annotations

from filterfleet.common.process.interrupt import quietly

with quietly():
    import importlib
    import os
    import sys
    from collections.abc import Sequence
    from typing import NamedTuple

    from filterfleet.common.process import hangup, zygote
    from filterfleet.common.process.descriptors import open_standard_files
    from filterfleet.common.process.ending import end
    from filterfleet.common.process.loading import loading

INTERRUPTED = 130  # exit code


class Stage(NamedTuple):
    """A step of the start: the command loads modules that it shares with processes, then a zygote is forked for them.

    process is the module that such a process runs, which is not loaded before: nor are plugins, which have to be in the
    sandbox. loads are modules that the zygote loads.
    """

    shared: Sequence[str]
    process: str
    loads: Sequence[str]


# A process has nothing in memory that it does not need, so the one that needs least of the command comes first.
_FLEET = (
    Stage(
        ("filterfleet.common.keys.folders", "filterfleet.common.wire.frames"),
        "filterfleet.worker.process",
        (
            *(
                "filterfleet.worker.daemon",
                "filterfleet.worker.sandbox.names",
                "filterfleet.worker.sandbox.confinement",
            ),
            *("filterfleet.common.client.brokers", "importlib.metadata", "argparse"),
        ),
    ),
    Stage(
        ("filterfleet.common.process.options", "filterfleet.common.process.role"),
        "filterfleet.broker",
        ("filterfleet.broker.cli",),
    ),
    Stage(
        ("filterfleet.listener.setup",),
        "filterfleet.listener.process",
        ("filterfleet.listener.cli", "filterfleet.listener.handover"),
    ),
)
_ENGINE = (Stage((), "filterfleet.worker.engines.child", ("filterfleet.worker.engines.serving", "importlib.metadata")),)
STAGES = {"up": _FLEET, "demo": _FLEET, "chaos": _FLEET, "run": _ENGINE}
REREAD = {"broker", "worker", "listener", "dashboard"}  # at SIGHUP
OTHER_ENGINES = {"sequential", "threads", "mpi", "dask", "cluster"}  # they need no process that is forked


def main() -> None:
    open_standard_files()
    # No filter multiplies matrices that are worth a second thread, and a process with threads must not be forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:] and sys.argv[1] in REREAD:
        hangup.hold()
    with quietly(), loading():
        for stage in stages(sys.argv[1:]):
            for module in stage.shared:
                importlib.import_module(module)
            zygote.prepare(stage.process, stage.loads)
        # Typer, which takes as long as OpenCV, and whatever the command needs.
        from filterfleet.app import run
    try:
        run()
    except SystemExit as ended:
        if "mpi4py" in sys.modules:  # MPI is left by the interpreter itself, at its very end
            raise
        end(ended.code)
    except KeyboardInterrupt:  # that came just before or behind the command
        end(INTERRUPTED)


def stages(words: Sequence[str]) -> Sequence[Stage]:
    """How a command starts. A guess, before the words are parsed: a zygote too many is never asked for, and without one
    the processes take longer to start."""
    # The location of a remote may hold secrets, and each process that is forked shows the command line for a moment.
    none = any(word.removeprefix("--engine=") in OTHER_ENGINES or word == "--help" or ":" in word for word in words)
    return () if none or not words else STAGES.get(words[0], ())
