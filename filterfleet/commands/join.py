"""`filterfleet join`: make this machine a part of a fleet, by the file that the broker's machine has made for it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from filterfleet.commands.systemd_files import install_units
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.keys.invitation import Invitation, accept, read
from filterfleet.common.text import printable
from filterfleet.units import machine
from filterfleet.units.plan import PORTS, Wish

SYSTEM, OWN = Path("/etc/filterfleet/keys"), Path("~/.config/filterfleet/keys")


def join(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `filterfleet keys` has made for this machine.")],
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help=f"Where the keys go. Default: {SYSTEM} with --systemd, else {OWN}.",
            show_default=False,
        ),
    ] = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Install and start the worker as a service of this machine.")
    ] = False,
) -> None:
    """Make this machine a part of a fleet.

    FILE comes from the broker's machine: `filterfleet keys FOLDER --worker NAME --broker ADDRESS`. It holds the address
    of the broker, its ports, and the keys of this machine, so move it here in a way that you trust, and keep no copy.
    """
    invitation = read(file)
    if systemd:
        machine.check_systemd()
        if Role.WORKER not in invitation.roles:
            raise FleetError(f"{printable(str(file))} lets this machine submit, not work: leave --systemd out.")
    folder = (keys or (SYSTEM if systemd else OWN).expanduser()).absolute()
    accept(invitation, folder)
    for role in invitation.roles:
        peer_keys(folder, role)  # raises FleetError when they cannot be used
    typer.echo(f"The keys are in {printable(str(folder))}. Remove {printable(str(file))} now.")
    if systemd:
        addresses, ports = machine.addresses_of(invitation.broker), (invitation.frontend_port, invitation.backend_port)
        wish = Wish(["worker"], machine.program(), invitation.broker, addresses, ports, PurePosixPath(folder))
        install_units(dataclasses.replace(wish, python=machine.python()))
        return
    for command in commands(invitation, folder):
        typer.echo(f"  {command}")


def commands(invitation: Invitation, folder: Path) -> list[str]:
    """What this machine may run now."""
    frontend, backend = PORTS
    where = f"--broker {invitation.broker} --keys {printable(os.fspath(folder))}"
    found = []
    if Role.WORKER in invitation.roles:
        port = "" if invitation.backend_port == backend else f" --backend-port {invitation.backend_port}"
        found.append(f"filterfleet worker {where}{port}")
    if Role.CLIENT in invitation.roles:
        port = "" if invitation.frontend_port == frontend else f" --frontend-port {invitation.frontend_port}"
        found.append(f"filterfleet status {where}{port}")
        found.append(f"filterfleet listener --source FOLDER --output FOLDER {where}{port}")
    return found
