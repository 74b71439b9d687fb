"""Puts the files of a plan onto this machine, and has systemd use them."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import filterfleet
from filterfleet.common.address import first_address
from filterfleet.common.client.brokers import hosts
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import BROKER, PUBLIC, Role, allow_list, broker_pair, peer_keys
from filterfleet.common.text import one_line, printable
from filterfleet.units.plan import ROLES, SYSTEM, TARGET, drop_in, needs_account, removals, unit

SYSTEMCTL, JOURNALCTL = "systemctl", "journalctl"
_OURS = "filterfleet: "  # before what a daemon says that cannot start
_LINES = 10  # of one daemon; a file of settings may have many mistakes
_TRIES = "The units are installed, and systemd goes on trying: mend that, or run `filterfleet systemd uninstall`."


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


def numbered(brokers: str) -> str:
    """The brokers by one address each. A unit may exchange packets with these addresses, and not with name servers.

    Raises FleetError for a name that nobody here knows, or that stands for the machine itself: Debian has a machine's
    own name lead to 127.0.1.1.
    """
    found = []
    for host in hosts(brokers):
        address = first_address(host)
        if address is None:
            raise FleetError(f"The name {printable(host)} cannot be resolved: check --broker.")
        if host not in (address, "localhost") and ipaddress.ip_address(address).is_loopback:
            raise FleetError(
                f"On this machine the name {printable(host)} stands for {address}, which other machines cannot reach: "
                "give --broker the address that they use."
            )
        found.append(address)
    return ",".join(found)


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


def check_keys(folder: PurePosixPath, roles: Sequence[str]) -> None:
    """Raises FleetError unless the folder has usable keys for each of these daemons: systemd tells less of a secret
    that it does not find."""
    for role in roles:
        if role == "broker":
            broker_pair(Path(folder))
            for peer in Role:
                allow_list(Path(folder), peer)
        else:
            peer_keys(Path(folder), Role.WORKER if role == "worker" else Role.CLIENT)
    _check_open(Path(folder, BROKER + PUBLIC))


def check_program() -> None:
    """Raises FleetError unless the daemons, who are users of their own, can read the program."""
    for file in (program(), python(), PurePosixPath(filterfleet.__file__)):
        _check_open(Path(file))


def _check_open(file: Path) -> None:
    for place in reversed((file, *file.parents)):
        mode = place.stat().st_mode
        if not mode & (stat.S_IXOTH if place.is_dir() else stat.S_IROTH):
            deep = " -R" if place.is_relative_to(sys.prefix) else ""
            shown = printable(str(place))
            raise FleetError(
                f"The daemons run as users of their own, who cannot read {printable(str(file))}: {shown} is closed to "
                f"them (mode {stat.S_IMODE(mode):04o}). Open it with `chmod{deep} go+rX {shown}`."
            )


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


def written(root: Path) -> list[str]:
    """The roles that have a unit here."""
    return [role for role in ROLES if (root / SYSTEM / unit(role)).exists()]


def present(root: Path) -> list[str]:
    """The roles that are installed. Whoever copied all units by hand may have enabled one of them."""
    return [role for role in written(root) if (root / drop_in(role)).exists() or _is_used(unit(role), root)]


def strays(root: Path) -> list[str]:
    """Those of them that somebody has installed by hand."""
    return [role for role in present(root) if not (root / drop_in(role)).exists()]


def _is_used(name: str, root: Path) -> bool:
    """Whether the unit is enabled, or runs."""
    if any(os.path.lexists(wants / name) for wants in (root / SYSTEM).glob("*.wants")):
        return True
    asked = [SYSTEMCTL, "is-active", "--quiet", name]
    return root == Path("/") and subprocess.run(asked, capture_output=True, check=False).returncode == 0


def start(roles: Sequence[str]) -> None:
    """Have systemd use what has been written. Services that ran already start again. Returns when all of them say that
    they are ready. Raises FleetError."""
    if needs_account(roles):
        _run("systemd-sysusers", "/etc/sysusers.d/filterfleet.conf")
        _run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/filterfleet.conf")
    _run(SYSTEMCTL, "daemon-reload")
    _run(SYSTEMCTL, "enable", "--quiet", TARGET)
    began = int(time.time())
    try:
        _run(SYSTEMCTL, "restart", *map(unit, roles))
    except FleetError as error:
        raise FleetError("\n".join([str(error), *_last_words(roles, began), _TRIES])) from None
    _run(SYSTEMCTL, "start", TARGET)


def _last_words(roles: Sequence[str], since: int) -> list[str]:
    """What those of the daemons that do not start have said since then, each sentence once."""
    subprocess.run([JOURNALCTL, "--sync"], capture_output=True, check=False)  # a line may still be on its way
    asked = [JOURNALCTL, "--quiet", "--no-pager", "--output=cat", "--priority=err", f"--since=@{since}"]
    found: dict[str, None] = {}
    for one in map(unit, roles):
        lines = subprocess.run(
            [*asked, f"--unit={one}"], capture_output=True, text=True, errors="replace", check=False
        ).stdout.splitlines()
        sentences = [line.removeprefix(_OURS) for line in lines if line.startswith(_OURS)]
        found |= {f"{one}: {one_line(sentence)}": None for sentence in sentences[-_LINES:]}
    return list(found)


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
    reload()  # a unit that systemd has not read cannot be stopped
    there = [one for one in map(unit, present(Path("/"))) if _is_loaded(one)]
    if Path("/", SYSTEM, TARGET).exists():
        _run(SYSTEMCTL, "disable", "--quiet", "--now", TARGET)
    if there:
        _run(SYSTEMCTL, "disable", "--quiet", "--now", *there)


def _is_loaded(name: str) -> bool:
    """Whether systemd understands the unit. One that somebody has spoiled does not run, and can only be removed."""
    asked = [SYSTEMCTL, "show", "--value", "--property=LoadState", name]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "loaded"


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
