"""Which files make the daemons services of a machine, and what is in them. Nothing here touches the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

ROLES = ("broker", "worker", "listener", "dashboard")
LOOPBACK = "127.0.0.1"
PORTS = (5555, 5556)  # those that need not be named
TARGET = "filterfleet.target"
SHIPPED_PROGRAM = "/opt/filterfleet/bin/filterfleet"  # as the shipped units have it
_SYSTEM = "etc/systemd/system"
_ACCOUNTS = {  # a shipped file, and where it goes: for the listener's user and folders
    "filterfleet.sysusers.conf": "etc/sysusers.d/filterfleet.conf",
    "filterfleet.tmpfiles.conf": "etc/tmpfiles.d/filterfleet.conf",
}
_SECRETS = {"broker": "broker", "worker": "worker", "listener": "client", "dashboard": "client"}
_PLAIN = re.compile(r"/[A-Za-z0-9._+/@-]*")  # a path that means the same in every place of a unit

Files = Mapping[str, str]  # text by path, which is relative to the root


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants installed. program is the command; broker the value of --broker, and addresses are its
    addresses; ports are those for clients and for workers; networks may reach the broker, as IPAddressAllow= has them.
    keys is a key folder, or None for a fleet within this machine."""

    roles: Sequence[str]
    program: PurePosixPath
    broker: str = LOOPBACK
    addresses: Sequence[str] = ()
    ports: tuple[int, int] = PORTS
    keys: PurePosixPath | None = None
    networks: Sequence[str] = ()


def unit(role: str) -> str:
    return f"filterfleet-{role}.service"


def drop_in(role: str) -> str:
    """A file whose name sorts before override.conf, which `systemctl edit` writes: a person's settings win."""
    return f"{_SYSTEM}/{unit(role)}.d/50-install.conf"


def plan(wish: Wish, shipped: Mapping[str, str]) -> dict[str, str]:
    """The files, from the shipped ones by name. Raises FleetError for a wish that cannot work."""
    _check(wish)
    files = {}
    for role in wish.roles:
        files[f"{_SYSTEM}/{unit(role)}"] = shipped[unit(role)].replace(SHIPPED_PROGRAM, str(wish.program))
        files[drop_in(role)] = _settings(wish, role)
    if "listener" in wish.roles:
        files |= {place: shipped[name] for name, place in _ACCOUNTS.items()}
    files[f"{_SYSTEM}/{TARGET}"] = _target(wish.roles)
    return files


def removals() -> list[str]:
    """Every file that any plan can have made."""
    ours = [path for role in ROLES for path in (drop_in(role), f"{_SYSTEM}/{unit(role)}")]
    return [*ours, f"{_SYSTEM}/{TARGET}", *_ACCOUNTS.values()]


def _check(wish: Wish) -> None:
    for path in (wish.program, wish.keys):
        if path is not None and not _PLAIN.fullmatch(str(path)):
            raise FleetError(
                f"{printable(str(path))} cannot stand in a unit: give the absolute path of a folder whose name has "
                "letters, digits and . _ + @ - only."
            )
    if wish.program.is_relative_to("/home") or wish.program.is_relative_to("/root"):
        raise FleetError(
            f"The daemons cannot see /home and /root, and {wish.program} is there: make the environment somewhere "
            "else, for example with `python3 -m venv /opt/filterfleet`."
        )
    if wish.keys is None and wish.broker != LOOPBACK:
        raise FleetError(
            "A broker that other machines reach needs keys: make some with `filterfleet keys FOLDER` and pass --keys "
            "FOLDER, or leave --broker out for a fleet within this machine."
        )


def _settings(wish: Wish, role: str) -> str:
    variables, options, allowed = {}, [], list(wish.addresses)
    if role == "broker":
        variables["BIND"] = wish.broker
        allowed = list(wish.networks)
    else:
        variables["BROKER"] = wish.broker
    lines = [f"# Written by `filterfleet systemd install`; for other settings: systemctl edit {unit(role)}.", "[Unit]"]
    lines += [f"PartOf={TARGET}", "", "[Service]"]
    if wish.keys is not None:
        options += ["--keys", str(wish.keys)]
        secret = f"{_SECRETS[role]}.key_secret"
        lines.append(f"LoadCredential={secret}:{wish.keys}/{secret}")
    for name, port, usual in zip(("frontend", "backend"), wish.ports, PORTS, strict=True):
        if (
            port != usual
            and role in {"frontend": ("broker", "listener", "dashboard"), "backend": ("broker", "worker")}[name]
        ):
            options += [f"--{name}-port", str(port)]
    lines += [f"Environment={name}={value}" for name, value in variables.items()]
    if options:
        lines.append(f'Environment="OPTIONS={" ".join(options)}"')
    if allowed:
        lines.append(f"IPAddressAllow={' '.join(allowed)}")
    return "\n".join(lines) + "\n"


def _target(roles: Sequence[str]) -> str:
    return f"""# Written by `filterfleet systemd install`: all of filterfleet's services on this machine.
[Unit]
Description=filterfleet
Documentation=man:systemd.target(5)
Wants={" ".join(map(unit, roles))}

[Install]
WantedBy=multi-user.target
"""
