"""`filterfleet systemd install` and `uninstall`."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys
from filterfleet.common.text import printable
from filterfleet.units import machine
from filterfleet.units.plan import LOOPBACK, Files, Wish, gathered, plan, renewed

ROOT = Path("/")


class Role(enum.Enum):
    BROKER = "broker"
    WORKER = "worker"
    LISTENER = "listener"
    DASHBOARD = "dashboard"


USUAL = [Role.BROKER, Role.WORKER, Role.LISTENER]

Root = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Write below this folder, for an image of a system; start nothing.")
]


def install(
    role: Annotated[
        list[Role] | None,
        typer.Option(help="A daemon; may be given several times. Default: broker, worker and listener."),
    ] = None,
    broker: BrokerHost = LOOPBACK,
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Who may reach the broker, such as 192.168.1.0/24; may be given several times. Default: whoever has a "
            "key.",
        ),
    ] = None,
    root: Root = ROOT,
    *,
    print_: Annotated[bool, typer.Option("--print", help="Only show the files.")] = False,
) -> None:
    """Install the daemons as services of this machine, and start them.

    The units run the filterfleet of this command. `--broker` is also the address that the broker listens on. Run it
    again to change something: the units of these roles are replaced, and what `systemctl edit` has written stays.
    """
    if not print_ and root == ROOT:
        machine.check_systemd()
    roles = [one.value for one in dict.fromkeys(role or USUAL)]
    if keys is not None and not print_ and root == ROOT:
        machine.check_keys(PurePosixPath(keys.absolute()), roles)  # raises FleetError
    install_units(
        Wish(
            roles,
            machine.program(),
            machine.numbered(broker),
            machine.addresses_of(broker),
            (frontend_port, backend_port),
            None if keys is None else PurePosixPath(keys.absolute()),
            allow or (),
            machine.python(),
        ),
        root,
        print_=print_,
    )


def install_units(wish: Wish, root: Path = ROOT, *, print_: bool = False) -> None:
    """Raises FleetError."""
    files = plan(dataclasses.replace(wish, present=machine.present(root)), machine.shipped())
    if print_:
        for name, text in files.items():
            typer.echo(f"# /{name}\n{text}")
        return
    if root == ROOT:
        machine.check_program()
    _write(files, root)
    if root == ROOT:
        machine.start(wish.roles)
        typer.echo("Started. `systemctl status 'filterfleet-*'` shows what each service does.")


def _write(files: Files, root: Path) -> None:
    machine.write(files, root)
    for name in files:
        typer.echo(f"Written: {printable(str(root / name))}")


def upgrade(root: Root = ROOT) -> None:
    """Bring the units of this machine up to this version, and start the services again.

    Run it after each upgrade of filterfleet. Keys, addresses and what `systemctl edit` has written stay as they are.
    """
    if root == ROOT:
        machine.check_systemd()
    present = machine.present(root)
    if not present:
        raise FleetError("No service of filterfleet is installed here: `filterfleet systemd install` does that.")
    files = renewed(Wish(machine.written(root), machine.program(), python=machine.python()), machine.shipped())
    files |= gathered(present, machine.strays(root))
    if root == ROOT:
        machine.check_program()
    _write(files, root)
    if root == ROOT:
        machine.start(present)
        typer.echo("Started again. `systemctl status 'filterfleet-*'` shows what each service does.")


def uninstall(root: Root = ROOT) -> None:
    """End the services of this machine, and remove their units.

    Results, the ledger, keys, settings and the user filterfleet stay, and so does what `systemctl edit` has written.
    """
    if root == ROOT:
        machine.check_systemd()
        machine.stop()
    removed = machine.remove(root)
    if not removed:
        typer.echo("No service of filterfleet is installed here.")
    for file in removed:
        typer.echo(f"Removed: {printable(str(file))}")
    if root == ROOT:
        machine.reload()
