"""The part of docs/filters.md that is generated from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from filterfleet.catalogue import facts, gallery
from filterfleet.catalogue.soundness import shipped
from filterfleet.common.errors import FleetError
from filterfleet.worker.filters import Filter
from filterfleet.worker.filters.merge import Whole
from filterfleet.worker.filters.registry import Alpha

MARKER = "<!-- What follows is made by: filterfleet filters --docs docs/filters.md -->\n"


def write(page: Path) -> None:
    """Updates the page, and the pictures in the folder beside it (filters/ for filters.md). Raises FleetError."""
    folder = page.with_suffix("")
    page.write_text(updated(page.read_text(encoding="utf-8"), folder.name), encoding="utf-8")
    folder.mkdir(exist_ok=True)
    for found in shipped():
        (folder / f"{found.name}.jpg").write_bytes(gallery.before_and_after(found.name))


def updated(text: str, folder: str) -> str:
    """The page's text with the current catalogue after MARKER; folder is where its pictures are. Raises FleetError if
    the text lacks MARKER.
    """
    head, marker, _old = text.partition(MARKER)
    if not marker:
        raise FleetError(f"The page lacks the line after which the catalogue goes: {MARKER.strip()}")
    return head + marker + "\n" + "\n".join(_lines(folder)) + "\n"


def _lines(folder: str) -> Iterator[str]:
    yield "| filter | what it does | 16 bits | alpha | any size |"
    yield "|---|---|---|---|---|"
    for found in shipped():
        yield f"| {' | '.join(_row(found))} |"
    for found in shipped():
        yield ""
        yield from _section(found, folder)


def _row(found: Filter) -> Iterator[str]:
    yield f"[`{found.name}`](#{found.name})"
    yield found.summary
    yield "kept" if facts.keeps_depth(found) else "to 8"
    yield {Alpha.WEIGHED: Alpha.KEPT, Alpha.ON_WHITE: Alpha.DROPPED}.get(found.alpha, found.alpha).value
    yield "no" if isinstance(found.merge, Whole) else "yes"


def _section(found: Filter, folder: str) -> Iterator[str]:
    yield f"### {found.name}"
    yield ""
    yield " ".join(filter(None, (found.summary, found.details)))
    yield ""
    yield f"![{found.name}, before and after]({folder}/{found.name}.jpg)"
    yield ""
    if found.parameters:
        yield "| parameter | takes | default |"
        yield "|---|---|---|"
        for name, parameter in found.parameters.items():
            yield f"| `{name}` | {parameter.describe()} | {facts.default(parameter)} |"
        yield ""
    if made := gallery.caption(found.name):
        yield f"The picture: {made}."
        yield ""
    yield facts.everything(found)
