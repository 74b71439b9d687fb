"""`filterfleet bench ...`: a group of commands that measure one thing each."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Bench(LazyGroup):
    members = (
        LazyCommand(
            "compare",
            "filterfleet.bench.compare:compare",
            "Compare one sequential process with the fleet, with 1 and 2 workers, on the same photographs.",
        ),
        LazyCommand(
            "huge",
            "filterfleet.bench.huge:huge",
            "Compare OpenCV on a whole huge image with strips, in time and memory.",
        ),
        LazyCommand(
            "scan",
            "filterfleet.bench.scan:scan",
            "Look twice at a large source in a cloud: time, calls to the server, and memory.",
        ),
        LazyCommand(
            "folder",
            "filterfleet.bench.folder:folder",
            "Start a fleet on a large local folder: time to its first output, memory, and the cost of a scan.",
        ),
        LazyCommand(
            "flow",
            "filterfleet.bench.flow:flow",
            "Submit more than the broker accepts to one slow worker: its memory, and what is sent twice.",
        ),
        LazyCommand(
            "stragglers",
            "filterfleet.bench.stragglers:stragglers",
            "Measure what a worker that is ten times slower than its peers costs a batch.",
        ),
        LazyCommand(
            "curve",
            "filterfleet.bench.curve:curve",
            "Compare a fleet with keys, where everything is encrypted, with one without.",
        ),
    )


bench = typer.Typer(
    cls=_Bench,
    no_args_is_help=True,
    help="Measure speed, huge images, scans, large folders, flow control, stragglers and encryption.",
)
