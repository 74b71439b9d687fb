"""`filterfleet bench ...`: a group of commands that measure one thing each."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Bench(LazyGroup):
    members = (
        LazyCommand(
            "all",
            "filterfleet.bench.analysis.commands:all_parts",
            "Measure everything and write the comparative analysis: JSON, Markdown and one HTML page.",
        ),
        LazyCommand(
            "report",
            "filterfleet.bench.analysis.commands:report",
            "Make the report of one or more measurements: analysis.md, and analysis.html with plots.",
        ),
        LazyCommand(
            "check",
            "filterfleet.bench.analysis.commands:check",
            "Say what became slower from one run to another, beyond noise. The exit code is 1 when something did.",
        ),
        LazyCommand(
            "peers",
            "filterfleet.bench.analysis.commands:peers",
            "Print how each other system is configured, and why that is fair.",
        ),
        LazyCommand(
            "compare",
            "filterfleet.bench.compare:compare",
            "Compare sequential programs, our engines and fleets, and other systems on the same photographs.",
        ),
        LazyCommand(
            "overhead",
            "filterfleet.bench.overhead:overhead",
            "Measure decoder, filters and encoders against the bare calls of their libraries.",
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
            "history",
            "filterfleet.bench.history:history",
            "Make a large ledger, and measure what commands and the page ask of it.",
        ),
        LazyCommand(
            "page",
            "filterfleet.bench.page:page",
            "Measure what an open page costs the broker, and how quickly the page answers beside a large ledger.",
        ),
        LazyCommand(
            "folder",
            "filterfleet.bench.folder:folder",
            "Start a fleet on a large local folder: time to its first output, memory, and the cost of a scan.",
        ),
        LazyCommand(
            "broker",
            "filterfleet.bench.broker:broker",
            "Measure the broker: tasks without work, round trips, large payloads, two clients, many workers, memory.",
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
        LazyCommand(
            "start",
            "filterfleet.bench.start:start",
            "Measure how long commands take to start and to end: help, and one photograph on each local engine.",
        ),
    )


bench = typer.Typer(
    cls=_Bench,
    no_args_is_help=True,
    help="Measure speed, the start, the broker, the page, huge images, scans, flow control, stragglers, encryption.",
)
