"""`filterfleet keys`: who may connect to a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.keys.folders import Role, allow_list
from filterfleet.common.keys.making import add_machine, make_broker_folder
from filterfleet.common.text import printable


def keys(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the broker's keys are, or will be.")],
    worker: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A machine whose workers may connect; may be given several times."),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A machine that may submit images; may be given several times."),
    ] = None,
) -> None:
    """Make the keys of a broker, and the keys of the machines that may connect to it.

    Run it on the broker's machine. The first run makes the broker's keys; every command on that machine then takes
    FOLDER as --keys. For each further machine it makes a folder, which you copy there. Existing keys are never
    overwritten. To revoke a key, remove its file from workers/ or clients/ and send the broker SIGHUP.
    """
    if make_broker_folder(folder):
        typer.echo(f"Keys made: filterfleet broker --keys {printable(str(folder))}")
    handouts: dict[Path, None] = {}
    for role, names in ((Role.WORKER, worker), (Role.CLIENT, client)):
        for name in names or ():
            handouts[add_machine(folder, role, name)] = None
    for handout in handouts:
        typer.echo(
            f"Copy {printable(str(handout))} to the machine {handout.name}, where --keys names it; then delete it."
        )
    for role in Role:
        found = allow_list(folder, role)
        typer.echo(f"{role.list_name}: {', '.join(map(printable, sorted(found.names.values()))) or 'none'}")
        for problem in found.problems:
            typer.echo(problem, err=True)
