"""`filterfleet systemd install` and `uninstall`."""

from __future__ import annotations

import enum
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys
from filterfleet.common.text import printable
from filterfleet.units import machine
from filterfleet.units.plan import LOOPBACK, Wish, plan

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
            metavar="NETWORK", help="Who may reach the broker, such as 192.168.1.0/24; for the broker's unit."
        ),
    ] = None,
    root: Root = ROOT,
    *,
    print_: Annotated[bool, typer.Option("--print", help="Only show the files.")] = False,
) -> None:
    """Install the daemons as services of this machine, and start them.

    The units run the filterfleet of this command. `--broker` is also the address that the broker listens on. Run it
    again to change something: the units are replaced, and what `systemctl edit` has written stays.
    """
    if not print_ and root == ROOT:
        machine.check_systemd()
    roles = [one.value for one in role or USUAL]
    install_units(
        Wish(
            roles,
            PurePosixPath(sys.prefix) / "bin" / "filterfleet",
            broker,
            machine.addresses_of(broker),
            (frontend_port, backend_port),
            None if keys is None else PurePosixPath(keys.absolute()),
            allow or (),
        ),
        root,
        print_=print_,
    )


def install_units(wish: Wish, root: Path = ROOT, *, print_: bool = False) -> None:
    """Raises FleetError."""
    files = plan(wish, machine.shipped())
    for name, text in files.items():
        typer.echo(f"# /{name}\n{text}" if print_ else f"Written: {printable(str(root / name))}")
    if print_:
        return
    machine.write(files, root)
    if root == ROOT:
        machine.start(wish.roles)
        typer.echo("Started. `systemctl status 'filterfleet-*'` shows what each service does.")


def uninstall(root: Root = ROOT) -> None:
    """End the services of this machine, and remove their units.

    Results, the ledger, keys, settings and the user filterfleet stay, and so does what `systemctl edit` has written.
    """
    if root == ROOT:
        machine.check_systemd()
        machine.stop()
    for file in machine.remove(root):
        typer.echo(f"Removed: {printable(str(file))}")
    if root == ROOT:
        machine.reload()
