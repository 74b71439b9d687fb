"""`filterfleet keys make`: new keys for a broker, and for the machines that may connect to it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.client.brokers import hosts
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, allow_list
from filterfleet.common.keys.invitation import as_text, gather
from filterfleet.common.keys.making import INVITATION, add_machine, check_new, make_broker_folder, write_new
from filterfleet.common.process.options import BackendPort, FrontendPort
from filterfleet.common.text import printable


def make(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the broker's keys are, or will be.")],
    worker: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A machine whose workers may connect; may be given several times."),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A machine that may submit images; may be given several times."),
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Where other machines find the broker. With it, each machine gets one file for `filterfleet join`, "
            "which holds its keys, this address and the ports, and without it a folder of keys.",
        ),
    ] = None,
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
) -> None:
    """Make the keys of a broker, and the keys of the machines that may connect to it.

    Run it on the broker's machine. The first run makes the broker's keys; every command on that machine then takes
    FOLDER as --keys. Existing keys are never overwritten. `filterfleet revoke` takes a machine's keys back.
    """
    if broker is not None:
        broker = ",".join(hosts(broker))  # as commands and units have it; raises FleetError for what is no address
    asked = ((Role.WORKER, worker), (Role.CLIENT, client))
    wanted = {(role, name): None for role, names in asked for name in names or ()}
    for role, name in wanted:
        check_new(folder, role, name)  # raises FleetError, before the first of them is made
    if make_broker_folder(folder):
        typer.echo(f"Keys made: filterfleet broker --keys {shlex.quote(printable(str(folder)))}")
    elif not wanted:
        typer.echo(f"{printable(str(folder))} has keys already, which stay as they are.")
    handouts: dict[Path, None] = {}
    for role, name in wanted:
        handouts[add_machine(folder, role, name)] = None
    for handout in handouts:
        typer.echo(_for_machine(handout, broker, (frontend_port, backend_port)))
    for role in Role:
        found = allow_list(folder, role)
        typer.echo(f"{role.list_name}: {', '.join(map(printable, sorted(found.names.values()))) or 'none'}")
        for problem in found.problems:
            typer.echo(problem, err=True)


def _for_machine(handout: Path, broker: str | None, ports: tuple[int, int]) -> str:
    """Makes one file of a machine's folder of keys, if the broker's address is known. Returns what is to be done with
    it. Raises FleetError."""
    if broker is None:
        return f"Copy {printable(str(handout))} to the machine {handout.name}, where --keys names it; then delete it."
    file = handout.with_name(handout.name + INVITATION)
    if file.exists():
        raise FleetError(
            f"{printable(str(file))} is there already: take it to its machine and remove it here, then take "
            f"the keys in {printable(str(handout))} there as well."
        )
    write_new(file, as_text(gather(handout, handout.name, broker, *ports)), 0o600)
    shutil.rmtree(handout)
    return f"Move {printable(str(file))} to the machine {handout.name}, and run `filterfleet join` on it there."
