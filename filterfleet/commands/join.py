"""`filterfleet join`: make this machine a part of a fleet, by the file that the broker's machine has made for it."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from filterfleet.commands.systemd_files import install_units
from filterfleet.common.client.brokers import hosts
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.keys.invitation import Invitation, accept, read
from filterfleet.common.text import printable
from filterfleet.units import machine
from filterfleet.units.plan import PORTS, Wish, plan

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
    brokers = _brokers(invitation, file)
    if systemd:
        machine.check_systemd()
        if Role.WORKER not in invitation.roles:
            raise FleetError(f"{printable(str(file))} lets this machine submit, not work: leave --systemd out.")
    folder = (keys or (SYSTEM if systemd else _own())).absolute()
    wish = _wish(invitation, brokers, folder) if systemd else None
    if wish is not None:
        plan(wish, machine.shipped())  # raises FleetError for what cannot work, before anything is written
        machine.check_program()
    accept(invitation, folder)
    for role in invitation.roles:
        peer_keys(folder, role)  # raises FleetError when they cannot be used
    if wish is not None:
        install_units(wish)
    # At last: whoever has removed it cannot join once more, if something has failed before.
    typer.echo(f"The keys are in {printable(str(folder))}. Remove {printable(str(file))} now.")
    if wish is None:
        for command in commands(invitation, brokers, folder):
            typer.echo(f"  {command}")


def _own() -> Path:
    """Raises FleetError for a user without a home, as in a container."""
    try:
        return OWN.expanduser()
    except RuntimeError:
        raise FleetError("This user has no home folder: say with --keys where the keys go.") from None


def _brokers(invitation: Invitation, file: Path) -> str:
    """As commands and units have them. Raises FleetError."""
    try:
        return ",".join(hosts(invitation.broker))
    except FleetError:
        raise FleetError(
            f"{printable(str(file))} names no broker: {printable(invitation.broker)!r} is no name or address. Make "
            "another one on the broker's machine."
        ) from None


def _wish(invitation: Invitation, brokers: str, folder: Path) -> Wish:
    """Raises FleetError for a broker whose name cannot be resolved."""
    addresses, ports = machine.addresses_of(brokers), (invitation.frontend_port, invitation.backend_port)
    keys, python = PurePosixPath(folder), machine.python()
    return Wish(["worker"], machine.program(), machine.numbered(brokers), addresses, ports, keys, python=python)


def commands(invitation: Invitation, brokers: str, folder: Path) -> list[str]:
    """What this machine may run now, for a shell."""
    frontend, backend = PORTS
    where = f"--broker {brokers} --keys {shlex.quote(printable(str(folder)))}"
    found = []
    if Role.WORKER in invitation.roles:
        port = "" if invitation.backend_port == backend else f" --backend-port {invitation.backend_port}"
        found.append(f"filterfleet worker {where}{port}")
    if Role.CLIENT in invitation.roles:
        port = "" if invitation.frontend_port == frontend else f" --frontend-port {invitation.frontend_port}"
        found.append(f"filterfleet status {where}{port}")
        found.append(f"filterfleet listener --source FOLDER --output FOLDER {where}{port}")
    return found
