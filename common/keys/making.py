"""New keys: a folder for the broker, and one to hand out to each machine. No existing file is ever overwritten."""

from __future__ import annotations

import os
import re
import secrets
import shlex
from pathlib import Path

import zmq

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import BROKER, PUBLIC, SECRET, KeyPair, Role, broker_pair
from filterfleet.common.text import printable

MACHINES = "machines"  # folders to hand out
INVITATION = ".join"  # a file to hand out, behind the name of its machine
LOCAL = "local"  # what the broker's lists call its own machine
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def make_broker_folder(folder: Path) -> bool:
    """Make the broker's keys, and those of its own machine as a worker and as a client. False when they exist
    already."""
    if (folder / (BROKER + SECRET)).exists():
        broker_pair(folder)  # raises FleetError when they cannot be used
        return False
    if (folder / (BROKER + PUBLIC)).exists():
        raise FleetError(
            f"{printable(str(folder))} has the public key of a broker, but not its secret: it belongs to a worker or a "
            "client. Make keys where the broker is."
        )
    make_folder(folder, 0o755)
    make_folder(folder / MACHINES, 0o700)
    for role in Role:
        make_folder(folder / role.list_name, 0o755)
        _make_pair(folder / role.secret_name, folder / role.list_name / (LOCAL + PUBLIC), f"{role.value} {LOCAL}")
    _make_pair(folder / (BROKER + SECRET), folder / (BROKER + PUBLIC), BROKER)
    return True


def add_machine(folder: Path, role: Role, name: str) -> Path:
    """Make a key for one more peer and list it for the broker of this folder. Returns the folder for that peer's
    machine. Raises FleetError."""
    listed, secret = check_new(folder, role, name)
    handout = secret.parent
    pair = broker_pair(folder)
    make_folder(handout, 0o700)
    if not (handout / (BROKER + PUBLIC)).exists():
        write_new(handout / (BROKER + PUBLIC), _certificate(BROKER, pair.public), 0o644)
    _make_pair(secret, listed, f"{role.value} {name}")
    return handout


def check_new(folder: Path, role: Role, name: str) -> tuple[Path, Path]:
    """Where the broker's entry of such a peer will be, and its secret. Raises FleetError for a name that no machine can
    have, and for a peer that has a key."""
    _check_name(name)
    listed = folder / role.list_name / (name + PUBLIC)
    secret = folder / MACHINES / name / role.secret_name
    for file in (listed, secret):
        if os.path.lexists(file):
            where = shlex.quote(printable(str(folder)))
            raise FleetError(
                f"The {role.value} {name} has a key already: for a new one, take that back first, with "
                f"`filterfleet revoke {name} --keys {where} --role {role.value}`."
            )
    return listed, secret


def strike_off(folder: Path, role: Role, name: str) -> Path | None:
    """Take a machine from the list of a role, and remove what was made for it and not handed out, be it listed or not.
    Returns the first file that was there, or None if there was none. Raises FleetError."""
    _check_name(name)
    files = (folder / role.list_name / (name + PUBLIC), folder / MACHINES / name / role.secret_name)
    found = [file for file in files if _removed(file)]
    if found:
        _removed(folder / MACHINES / (name + INVITATION))
    return found[0] if found else None


def _removed(file: Path) -> bool:
    """Whether it was there. Raises FleetError."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FleetError(f"{printable(str(file))} cannot be removed: {error.strerror}.") from None
    return True


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise FleetError(
            f"{printable(name)!r} cannot be the name of a machine: use up to 63 letters, digits, dots, dashes and "
            "underscores, and begin with a letter or a digit."
        )


def _make_pair(secret: Path, public: Path, whose: str) -> None:
    """The secret is written first, because a listed key that nobody has would be useless."""
    pair = KeyPair(*zmq.curve_keypair())
    write_new(secret, _certificate(whose, pair.public, pair.secret), 0o600)
    write_new(public, _certificate(whose, pair.public), 0o644)


def _certificate(whose: str, public: bytes, secret: bytes | None = None) -> str:
    """ZeroMQ Property Language (RFC 4), as zmq.auth and czmq read it."""
    kind = "SECRET key: keep it from everybody else" if secret else "public key"
    lines = [f"# filterfleet {whose}: CURVE {kind}.", "metadata", f'    name = "{whose}"', "curve"]
    lines.append(f'    public-key = "{public.decode()}"')
    if secret:
        lines.append(f'    secret-key = "{secret.decode()}"')
    return "\n".join(lines) + "\n"


def make_folder(folder: Path, mode: int) -> None:
    try:
        missing = [parent for parent in folder.absolute().parents if not parent.exists()]
        for parent in reversed(missing):
            _make(parent, 0o755)
        _make(folder, mode)
    except OSError as error:
        raise FleetError(f"The folder {printable(str(folder))} cannot be made: {error.strerror}.") from None


def _make(folder: Path, mode: int) -> None:
    """Whatever the umask is: a folder that others can write to is refused, and daemons of other users read public keys.
    One that is there stays as it is. Raises OSError."""
    try:
        folder.mkdir(mode)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(mode)


def write_new(file: Path, text: str, mode: int) -> None:
    """A file that nobody sees before it is complete, and that replaces none. Raises FleetError."""
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                os.fchmod(descriptor, mode)  # which the umask may have lessened
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            os.link(aside, file)
        finally:
            aside.unlink()
    except OSError as error:
        raise FleetError(f"{printable(str(file))} cannot be written: {error.strerror}.") from None
