"""`filterfleet revoke`: take the keys of a machine back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, allow_list
from filterfleet.common.keys.making import strike_off
from filterfleet.common.text import printable


def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The machine, as `filterfleet keys list` names it.")],
    keys: Annotated[Path, typer.Option(metavar="FOLDER", help="The broker's keys.")],
    role: Annotated[Role | None, typer.Option(help="Take back only the key for this. Default: each.")] = None,
) -> None:
    """Take the keys of a machine back.

    A broker that runs with these keys cuts the machine off within two seconds: it drops everything that comes from
    there, and gives the tasks of its workers to others. Other brokers with copies of the lists need the same command.
    """
    struck = [file for one in Role if role in (None, one) and (file := strike_off(keys, one, name))]
    if not struck:
        allow_list(keys, role or Role.WORKER)  # raises FleetError for a folder that is not a broker's
        what = "machine" if role is None else role.value
        raise FleetError(
            f"No {what} is called {printable(name)!r} here: `filterfleet keys list {printable(str(keys))}` shows "
            "who may connect."
        )
    for file in struck:
        typer.echo(f"Removed {printable(str(file))}. A running broker cuts {printable(name)} off within two seconds.")
