"""What all commands share that give orders to a listener: how they find it, and what they print."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text, printable
from filterfleet.listener.core.order import Order, Redo, Retry
from filterfleet.listener.ledger.opening import ledger_file, ledger_of
from filterfleet.listener.ledger.reading import knows, reader, sources_of
from filterfleet.listener.orders.box import Box
from filterfleet.listener.settings.location import parse_location

PATIENCE = 5.0  # seconds that a listener has to carry out an order before we stop waiting for its answer

Output = Annotated[
    str | None, typer.Option("--output", metavar="FOLDER", help="The listener's output: a local folder or REMOTE:PATH.")
]
State = Annotated[
    Path | None, typer.Option("--state", help="The folder of its ledger, for a listener that has one of its own.")
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="FOLDER",
        help="The listener's source. Only needed when several sources share a ledger, or an output in a cloud.",
    ),
]
Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH...", help="Images or folders: below the source, or as files.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The options that name a listener."""

    output: Output = None
    state: State = None
    source: Source = None
    as_json: AsJson = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Which(Where):
    """The options that name images of a listener."""

    paths: Paths = None
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False


@dataclass(frozen=True, slots=True)
class Place:
    """The ledger of a listener, and the sources in it that are meant, by their names in it."""

    ledger: Path
    sources: tuple[str, ...]


def find_place(output: str | None, state: Path | None, source: str | None) -> Place:
    """From the options of a command. Raises FleetError."""
    if output is None and state is None:
        raise FleetError("Say which listener is meant: --output names its output, --state the folder of its ledger.")
    file = place_of(output, state, source)
    with reader(file) as db:
        found = sources_of(db)
    if source is not None:
        wanted = str(parse_location(source))
        if wanted not in found:
            known = ", ".join(map(printable, found)) or "none"
            raise FleetError(f"This ledger knows no source {printable(wanted)}: it knows {known}.")
        found = [wanted]
    return Place(file, tuple(found))


def place_of(output: str | None, state: Path | None, source: str | None) -> Path:
    """The ledger that these options mean, whether it exists or not. Raises FleetError."""
    if state is None and source is not None:
        return ledger_file(parse_location(source), parse_location(output or ""), None)
    return ledger_of(output, state)


def named(place: Place, paths: list[str]) -> dict[str, tuple[str, ...]]:
    """The paths below each source that are meant. Raises FleetError for a path that no source has."""
    meant: dict[str, list[str]] = {}
    with reader(place.ledger) as db:
        for path in paths:
            having = [(source, below) for source in place.sources if knows(db, source, below := _below(path, source))]
            if not having:
                raise FleetError(
                    f"The ledger knows no {printable(path)}: "
                    "name images and folders as they are called below the source."
                )
            for source, below in having:
                meant.setdefault(source, []).append(below)
    return {source: tuple(below) for source, below in meant.items()}


def orders_for(place: Place, order: Redo | Retry, paths: list[str]) -> dict[str, Order]:
    """The order for each source: about these paths, or about everything."""
    if order.everything:
        return dict.fromkeys(place.sources, order)
    return {source: replace(order, paths=below) for source, below in named(place, paths).items()}


@dataclass(frozen=True, slots=True)
class Given:
    """What has become of an order. state: done; given to a listener that has not answered; or waits, for lack of one.
    count: the objects that it concerned, when it is done."""

    source: str
    order: str
    state: str
    count: int | None


def give(place: Place, orders: dict[str, Order], said: Callable[[int], str], *, as_json: bool) -> None:
    """Give each source's listener its order, and print what has become of it. said: the sentence for a number of
    objects. Raises FleetError."""
    with contextlib.ExitStack() as open_boxes:
        boxes = []
        for source, order in orders.items():
            box = open_boxes.enter_context(contextlib.closing(Box(place.ledger.parent, source)))
            boxes.append((source, box, box.put(order)))
        rows = [_given(source, box, id_) for source, box, id_ in boxes]
    if as_json:
        typer.echo(json_text([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        where = f"{printable(row.source)}: " if len(rows) > 1 else ""
        typer.echo(f"{where}{_SAID[row.state] if row.count is None else said(row.count)}")


_SAID = {
    "waits": "No listener is running: the order is carried out when one starts.",
    "given": f"The listener has not answered within {PATIENCE:g} s: it carries out the order in its turn.",
}


def _given(source: str, box: Box, id_: str) -> Given:
    running = box.has_listener
    answer = box.answer_to(id_, PATIENCE) if running else None
    if answer is None:
        return Given(source, id_, "given" if running else "waits", None)
    if "error" in answer:
        raise FleetError(str(answer["error"]))
    return Given(source, id_, "done", int(answer["count"]))


def _below(path: str, source: str) -> str:
    """The path as it is called below the source; a file of this machine may be given as such."""
    file = Path(os.path.realpath(Path(path).parent), Path(path).name)
    return str(file.relative_to(source)) if file != Path(source) and file.is_relative_to(source) else path.strip("/")


def below_one_of(path: str, sources: Iterable[str]) -> str:
    """The path as it is called below one of these sources, if it is a file of this machine there; else the path."""
    return next((below for source in sources if (below := _below(path, source)) != path.strip("/")), path)


def images(count: int, what: str, none: str) -> str:
    """A sentence about a number of images."""
    return none if count == 0 else f"{count} image{'s are' if count > 1 else ' is'} {what}."
