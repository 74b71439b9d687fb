"""Puts the files of a plan onto this machine, and has systemd use them."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import filterfleet
from filterfleet.common.client.brokers import hosts
from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.units.plan import ROLES, TARGET, needs_account, removals, unit

SYSTEMCTL = "systemctl"


def shipped() -> dict[str, str]:
    """The units that come with the package, by name. Raises FleetError."""
    for folder in (
        Path(sys.prefix) / "share" / "filterfleet" / "systemd",
        Path(filterfleet.__file__).parent.parent / "systemd",  # a checkout
    ):
        if folder.is_dir():
            return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}
    raise FleetError("The units that come with filterfleet are missing here: install the package again.")


def addresses_of(brokers: str) -> list[str]:
    """The addresses of all brokers, for IPAddressAllow=. Raises FleetError for a name that has none."""
    found: dict[str, None] = {}
    for host in hosts(brokers):
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise FleetError(f"The name {printable(host)} cannot be resolved: check --broker.") from None
        found |= dict.fromkeys(str(ipaddress.ip_address(info[4][0])) for info in infos)
    return list(found)


def program() -> PurePosixPath:
    """The filterfleet of this process's environment."""
    return PurePosixPath(sys.prefix) / "bin" / "filterfleet"


def python() -> PurePosixPath:
    """Where its interpreter really is."""
    return PurePosixPath(Path(sys.executable).resolve())


def check_systemd() -> None:
    """Raises FleetError unless this is root on a machine that systemd runs."""
    if not Path("/run/systemd/system").is_dir():
        raise FleetError("systemd does not run this machine: start the daemons by hand, as in docs/operations.md.")
    if os.geteuid() != 0:
        raise FleetError("Only root may install services: run the command with sudo.")


def write(files: Mapping[str, str], root: Path) -> None:
    """Below the root, each file at once or not at all. Raises FleetError."""
    for name, text in files.items():
        file = root / name
        aside = file.with_name(f".{file.name}.new")
        try:
            file.parent.mkdir(0o755, parents=True, exist_ok=True)
            aside.write_text(text)
            aside.chmod(0o644)
            aside.rename(file)
        except OSError as error:
            raise FleetError(f"{printable(str(file))} cannot be written: {error.strerror}.") from None


def present(root: Path) -> list[str]:
    """The roles that are installed."""
    return [role for role in ROLES if (root / "etc/systemd/system" / unit(role)).exists()]


def start(roles: Sequence[str]) -> None:
    """Have systemd use what has been written. Services that ran already start again. Returns when all of them say that
    they are ready. Raises FleetError."""
    if needs_account(roles):
        _run("systemd-sysusers", "/etc/sysusers.d/filterfleet.conf")
        _run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/filterfleet.conf")
    _run(SYSTEMCTL, "daemon-reload")
    _run(SYSTEMCTL, "enable", "--quiet", TARGET)
    _run(SYSTEMCTL, "restart", *map(unit, roles))
    _run(SYSTEMCTL, "start", TARGET)


def remove(root: Path) -> list[Path]:
    """The files that were there. Raises FleetError."""
    found = [file for name in removals() if os.path.lexists(file := root / name)]
    for file in found:
        try:
            file.unlink()
            if file.parent.suffix == ".d" and not any(file.parent.iterdir()):
                file.parent.rmdir()
        except OSError as error:
            raise FleetError(f"{printable(str(file))} cannot be removed: {error.strerror}.") from None
    return found


def stop() -> None:
    """End the services, and start them no more. Raises FleetError."""
    there = [unit(role) for role in present(Path("/"))]
    if Path("/etc/systemd/system", TARGET).exists():
        _run(SYSTEMCTL, "disable", "--quiet", "--now", TARGET)
    if there:
        _run(SYSTEMCTL, "disable", "--quiet", "--now", *there)


def reload() -> None:
    """Have systemd forget what has been removed. Raises FleetError."""
    _run(SYSTEMCTL, "daemon-reload")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise FleetError(f"{command[0]} cannot be run: {error.strerror}.") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise FleetError(f"`{' '.join(command)}` failed: {printable(said)}")
