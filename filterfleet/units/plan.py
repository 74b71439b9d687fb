"""Which files make the daemons services of a machine, and what is in them. Nothing here touches the machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

ROLES = ("broker", "worker", "listener", "dashboard")
LOOPBACK = "127.0.0.1"
PORTS = (5555, 5556)  # those that need not be named
TARGET = "filterfleet.target"
SHIPPED_PROGRAM = "/opt/filterfleet/bin/filterfleet"  # as the shipped units have it
SYSTEM = "etc/systemd/system"
_ACCOUNTS = {  # a shipped file, and where it goes: for the listener's user and folders
    "filterfleet.sysusers.conf": "etc/sysusers.d/filterfleet.conf",
    "filterfleet.tmpfiles.conf": "etc/tmpfiles.d/filterfleet.conf",
}
_SECRETS = {"broker": "broker", "worker": "worker", "listener": "client", "dashboard": "client"}
# From every daemon: ProtectHome=, PrivateTmp=.
_HIDDEN = ("/root", "/home", "/tmp", "/var/tmp")  # noqa: S108 - nothing is written there
_PLAIN = re.compile(r"/[A-Za-z0-9._+/@-]*")  # a path that means the same in every place of a unit

Files = Mapping[str, str]  # text by path, which is relative to the root


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants installed. program is the command; broker the value of --broker, with addresses in place of
    names, and addresses are all that these names have; ports are those for clients and for workers; networks may reach
    the broker, as IPAddressAllow= has them. keys is a key folder, or None for a fleet within this machine. python is
    where the program's interpreter really is, and present are the roles that are installed already."""

    roles: Sequence[str]
    program: PurePosixPath
    broker: str = LOOPBACK
    addresses: Sequence[str] = ()
    ports: tuple[int, int] = PORTS
    keys: PurePosixPath | None = None
    networks: Sequence[str] = ()
    python: PurePosixPath | None = None
    present: Sequence[str] = ()


def unit(role: str) -> str:
    return f"filterfleet-{role}.service"


def drop_in(role: str) -> str:
    """A file whose name sorts before override.conf, which `systemctl edit` writes: a person's settings win."""
    return f"{SYSTEM}/{unit(role)}.d/50-install.conf"


def plan(wish: Wish, shipped: Mapping[str, str]) -> dict[str, str]:
    """The files, from the shipped ones by name. Raises FleetError for a wish that cannot work."""
    _check(wish)
    files = renewed(wish, shipped)
    files |= {drop_in(role): _settings(wish, role) for role in wish.roles}
    return files | _target([role for role in ROLES if role in {*wish.roles, *wish.present}])


def renewed(wish: Wish, shipped: Mapping[str, str]) -> dict[str, str]:
    """The files that do not depend on the fleet: those that another version may bring. Of the wish, only the roles and
    the program count. Raises FleetError."""
    _check_program(wish)
    files = {
        f"{SYSTEM}/{unit(role)}": shipped[unit(role)].replace(SHIPPED_PROGRAM, str(wish.program)) for role in wish.roles
    }
    if needs_account(wish.roles):
        files |= {place: shipped[name] for name, place in _ACCOUNTS.items()}
    return files


def gathered(present: Sequence[str], strays: Sequence[str]) -> dict[str, str]:
    """The target of all services that are installed, and what makes those part of it that were installed by hand."""
    return {drop_in(role): _drop_in(role, []) for role in strays} | _target(present)


def needs_account(roles: Sequence[str]) -> bool:
    """Whether one of them runs as the user filterfleet. The users of the others exist as long as they run."""
    return "listener" in roles or "dashboard" in roles


def removals() -> list[str]:
    """Every file that any plan can have made."""
    ours = [path for role in ROLES for path in (drop_in(role), f"{SYSTEM}/{unit(role)}")]
    return [*ours, f"{SYSTEM}/{TARGET}", *_ACCOUNTS.values()]


def _check_program(wish: Wish) -> None:
    _check_path(wish.program)
    for path in (wish.program, wish.python):
        if path is not None and any(path.is_relative_to(hidden) for hidden in _HIDDEN):
            raise FleetError(
                f"The daemons cannot see {', '.join(_HIDDEN)}, and {printable(str(path))} is there: make the "
                "environment somewhere else, and with the system's Python, for example with "
                "`/usr/bin/python3 -m venv /opt/filterfleet`."
            )


def _check_path(path: PurePosixPath) -> None:
    if not _PLAIN.fullmatch(str(path)):
        raise FleetError(
            f"{printable(str(path))} cannot stand in a unit: give the absolute path of a folder whose name has "
            "letters, digits and . _ + @ - only."
        )


def _check(wish: Wish) -> None:
    if wish.keys is not None:
        _check_path(wish.keys)
        if any(wish.keys.is_relative_to(hidden) for hidden in _HIDDEN):
            raise FleetError(
                f"The daemons cannot see {', '.join(_HIDDEN)}, and the keys {printable(str(wish.keys))} are there: "
                "move that folder to /etc/filterfleet/keys, and let it belong to root."
            )
    for network in wish.networks:
        _network(network)
    if "broker" in wish.roles and "," in wish.broker:
        raise FleetError(
            "A broker listens on one address: give that with --broker. Install the other daemons of this machine by "
            "another command, with the whole list."
        )
    if wish.keys is None and not Address(wish.broker, PORTS[0]).is_loopback:
        raise FleetError(
            "A broker that other machines reach needs keys: make some with `filterfleet keys FOLDER` and pass --keys "
            "FOLDER, or leave --broker out for a fleet within this machine."
        )


def _network(text: str) -> str:
    """As IPAddressAllow= has it. Raises FleetError: systemd leaves out what it does not understand, and nobody would
    reach the broker."""
    if text in ("any", "localhost", "link-local", "multicast"):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise FleetError(
            f"--allow takes a network such as 192.168.1.0/24, or an address, not {printable(text)!r}."
        ) from None


def _settings(wish: Wish, role: str) -> str:
    """A drop-in. Its variables go before the file of settings, and what a person writes into BROKER or OPTIONS of the
    unit goes before them."""
    allowed = list(wish.addresses)
    if role == "broker":
        anybody = ["any"] if wish.keys is not None and wish.broker != LOOPBACK else []
        allowed = [_network(network) for network in wish.networks] or anybody
    lines = []
    if wish.keys is not None:
        secret = f"{_SECRETS[role]}.key_secret"
        lines += [f"Environment=FILTERFLEET_KEYS={wish.keys}", f"LoadCredential={secret}:{wish.keys}/{secret}"]
    for name, port, usual in zip(("FRONTEND", "BACKEND"), wish.ports, PORTS, strict=True):
        if port != usual:
            lines.append(f"Environment=FILTERFLEET_{name}_PORT={port}")
    if wish.broker != LOOPBACK:  # else it is as the file of settings says, or the default
        lines.append(f"Environment=FILTERFLEET_{'BROKER_BIND' if role == 'broker' else 'BROKER'}={wish.broker}")
    if allowed:
        lines.append(f"IPAddressAllow={' '.join(allowed)}")
    return _drop_in(role, lines)


def _drop_in(role: str, lines: Sequence[str]) -> str:
    """lines are those about the service."""
    head = f"# Written by `filterfleet systemd`; for other settings: systemctl edit {unit(role)}."
    return "\n".join([head, "[Unit]", f"PartOf={TARGET}", "", "[Service]", *lines]) + "\n"


def _target(roles: Sequence[str]) -> dict[str, str]:
    text = f"""# Written by `filterfleet systemd`: all of filterfleet's services on this machine.
[Unit]
Description=filterfleet
Documentation=man:systemd.target(5)
Wants={" ".join(map(unit, roles))}

[Install]
WantedBy=multi-user.target
"""
    return {f"{SYSTEM}/{TARGET}": text}
