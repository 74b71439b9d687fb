"""`filterfleet job`: the whole story of one image."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.commands.looking import Ledger, took, when
from filterfleet.commands.ordering import Where, below_one_of
from filterfleet.common.process.parameters import takes_options
from filterfleet.common.text import one_line, printable
from filterfleet.listener.ledger.history import Attempt, Story
from filterfleet.standing import table

_DEPARTURES = {
    "due": "to be taken away from the source",
    "ours": "taken away from the source, as its listener was told",
    "theirs": "vanished from the source",
}

_ENDINGS = {
    "done": "done",
    "failed": "failed",
    "transient": "failed, may pass",
    "lost": "worker lost",
    "expired": "timed out",
    "returned": "handed back",
    "overtaken": "another was faster",
}


@takes_options(Where)
def job(
    options: Where,
    image: Annotated[
        str,
        typer.Argument(metavar="ID|PATH", help="The image's path, or the first digits of its job's id: six or more."),
    ],
) -> None:
    """Tell the whole story of one image: every attempt, the time of each stage, its results, why it failed.

    The id of a job stands in every log line about it. It works while the listener is down, which standard error then
    says.
    """
    ledger = Ledger(options.output, options.state, options.source)
    story = ledger.history.job(below_one_of(image, ledger.place.sources))
    if options.as_json:
        ledger.print_json(story=story)
        return
    ledger.say_whether_it_works()
    for line in _lines(story):
        typer.echo(line)


def _lines(story: Story) -> list[str]:
    one = story.job
    lines = [f"{printable(one.path)}: {one.state}{f' since {when(one.at)}' if one.at else ''}"]
    facts = {
        "job": one.id or "not known before the file has been read",
        "reason": one_line(one.reason) + (" It is tried again." if one.transient else "") if one.reason else "",
        "source": printable(one.source),
        "departure": _DEPARTURES.get(story.departure or "", ""),
        "size": f"{one.size} bytes" + (f", {one.width} x {one.height} pixels" if one.width else ""),
        "changed": when(story.mtime_ns / 1e9 or None),
        "recipe": story.recipe[:12],
        "worker": printable(one.worker) if one.worker else "",
        "engine": story.engine or "",
        "notes": printable(story.notes or ""),
        "same content": ", ".join(map(printable, story.twins)),
    }
    lines += [f"  {name:<13}{said}" for name, said in facts.items() if said]
    if story.job.stages:
        lines += ["", *(f"  {name:<13}{seconds:.3f} s" for name, seconds in story.job.stages.items())]
    if one.outputs:
        rows = [(output.path, output.format, f"{output.size} bytes") for output in one.outputs]
        lines += ["", *table(("result", "format", "size"), rows)]
    if story.attempts:
        heads = ("attempt", "job", "ending", "took", "worker", "reason")
        lines += ["", *table(heads, map(_attempt_row, story.attempts))]
    return lines


def _attempt_row(attempt: Attempt) -> tuple[str, ...]:
    reason = one_line(attempt.reason) if attempt.reason else ""
    ending = _ENDINGS.get(attempt.ending, printable(attempt.ending))
    return when(attempt.ended), attempt.id or "", ending, took(attempt.seconds), attempt.worker or "", reason
