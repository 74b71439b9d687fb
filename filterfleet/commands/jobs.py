"""`filterfleet jobs`: the images of a listener, and what has become of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.looking import Ledger, instant, took, when
from filterfleet.commands.ordering import AsJson, Output, Source
from filterfleet.common.errors import FleetError
from filterfleet.common.text import one_line
from filterfleet.listener.ledger.history import History, Job
from filterfleet.listener.ledger.history.pages import STATES
from filterfleet.standing import table

_HEADS = ("when", "state", "job", "image", "took", "worker", "reason")


def jobs(
    output: Output = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE|FOLDER",
            help="Only images that are pending, done, failed or skipped. Anything else is the folder of the ledger, "
            "for a listener that has one of its own: ./done is a folder.",
        ),
    ] = None,
    path: Annotated[str | None, typer.Option(metavar="TEXT", help="Only images with this in their path.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what has happened since: 90m, 2h, 7d, 2026-11-28T14:30.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only failures with this text in their reason.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Images that are shown at most.")] = 50,
    before: Annotated[
        str | None, typer.Option(metavar="KEY", help="Go on behind an earlier list: `before` of its JSON.")
    ] = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List the images of a listener with what has become of them, the newest first.

    It works while the listener is down, which standard error then says. `skipped` are images that were there at the
    first scan, with --backfill none; they are listed with --state skipped. Files that are no images are only counted.
    """
    folder, wanted = _told_apart(state or [])
    ledger = Ledger(output, folder, source)
    found, key = _found(ledger.history, wanted, path, instant(since), reason, before, limit)
    counts = ledger.history.counts()
    if as_json:
        ledger.print_json(counts=counts, jobs=found, before=key)
        return
    ledger.say_whether_it_works()
    for line in table(_HEADS, map(_row, found)) if found else ["No such images."]:
        typer.echo(line)
    alone = sum(counts.left_alone.values())
    others = [f"{counts.skipped} skipped"] * bool(counts.skipped) + [f"{alone} left alone"] * bool(alone)
    numbers = ", ".join([f"{counts.pending} pending", f"{counts.done} done", f"{counts.failed} failed", *others])
    more = "; there are more, which a larger --limit shows" if key else ""
    typer.echo(f"In all {numbers}{more}.", err=True)


def _told_apart(words: list[str]) -> tuple[Path | None, str | None]:
    """The folder and the state among the values of --state. Raises FleetError."""
    folders, states = [word for word in words if word not in STATES], [word for word in words if word in STATES]
    if len(folders) > 1 or len(states) > 1:
        raise FleetError("--state takes one state and one folder at most.")
    return Path(folders[0]) if folders else None, states[0] if states else None


def _found(
    history: History,
    state: str | None,
    path: str | None,
    since: float | None,
    reason: str | None,
    before: str | None,
    limit: int,
) -> tuple[list[Job], str | None]:
    """The jobs, and the key of those behind them."""
    found: list[Job] = []
    while True:
        page = history.jobs(state, path, since, reason, before, min(1000, limit - len(found)))
        found += page.jobs
        if page.before is None or len(found) >= limit:
            return found, page.before
        before = page.before


def _row(job: Job) -> tuple[str, ...]:
    again = " (tried again)" if job.transient else ""
    reason = one_line(job.reason, 200) + again if job.reason else ""
    return when(job.at), job.state, job.id or "", job.path, took(job.seconds), job.worker or "", reason
