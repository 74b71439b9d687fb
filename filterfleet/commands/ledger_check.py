"""`filterfleet ledger check`: is a ledger whole, and if not, what can be done?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.ordering import AsJson, Output, State
from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text, printable
from filterfleet.listener.audit import LocalOutput, is_intact
from filterfleet.listener.ledger.opening import ledger_of
from filterfleet.listener.ledger.repair import Rebuilt, faults_of, rebuild
from filterfleet.listener.orders.box import locks_of, unused
from filterfleet.listener.settings.location import parse_location

DAMAGED = 1  # exit code


def check(
    anew: Annotated[
        bool, typer.Option("--rebuild", help="Move a damaged ledger aside, and make it anew from its journal.")
    ] = False,
    output: Output = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Check a ledger, and make a damaged one anew.

    The exit code is 0 for a ledger that is whole and 1 for a damaged one. With --rebuild, which needs that no listener
    runs, a damaged ledger is kept under another name. The new one has what the journal beside it says, so that results
    that are in the output are not made again. A local --output is read for that: an image of which a result is missing
    or damaged is left out of the new ledger, and so made again.
    """
    if output is None and state is None:
        raise FleetError("Say which ledger is meant: --output names the results, --state the ledger's folder.")
    file = ledger_of(output, state)
    faults = faults_of(file)
    rebuilt = _rebuild(file, output) if anew and faults else None
    if as_json:
        kept_as, adopted = (None, None) if rebuilt is None else (str(rebuilt.kept_as), rebuilt.adopted)
        row = {"ledger": str(file), "faults": faults, "kept_as": kept_as, "adopted": adopted}
        typer.echo(json_text(row, indent=2))
    else:
        _say(str(file), faults)
        if rebuilt is not None:
            kept = printable(str(rebuilt.kept_as))
            typer.echo(f"The damaged ledger is kept as {kept}. The new one has {rebuilt.adopted} images that are done.")
        elif faults:
            typer.echo("Stop the listener, then `filterfleet ledger check --rebuild` makes it anew from its journal.")
    raise typer.Exit(DAMAGED if faults and rebuilt is None else 0)


def _rebuild(file: Path, output: str | None) -> Rebuilt:
    """Raises FleetError, also while a listener uses the ledger."""
    root = None if output is None else parse_location(output)
    with contextlib.ExitStack() as held:
        for lock in locks_of(file.parent):
            held.enter_context(unused(lock))
        if isinstance(root, Path):
            folder = held.enter_context(contextlib.closing(LocalOutput(root, links=True)))
            return rebuild(file, lambda made: is_intact(made, folder))
        return rebuild(file)


def _say(file: str, faults: list[str]) -> None:
    if not faults:
        typer.echo(f"The ledger {printable(file)} is whole.")
    for fault in faults:
        typer.echo(f"The ledger {printable(file)} is damaged: {printable(fault)}")
