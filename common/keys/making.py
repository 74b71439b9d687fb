"""New keys: a folder for the broker, and one to hand out to each machine. No existing file is ever overwritten."""

from __future__ import annotations

import os
import re
import secrets
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
    machine."""
    _check_name(name)
    handout = folder / MACHINES / name
    listed = folder / role.list_name / (name + PUBLIC)
    secret = handout / role.secret_name
    for file in (listed, secret):
        if file.exists():
            raise FleetError(
                f"The {role.value} {name} has a key already: for a new one, remove "
                f"{printable(str(listed))} and {printable(str(secret))} first."
            )
    pair = broker_pair(folder)
    make_folder(handout, 0o700)
    if not (handout / (BROKER + PUBLIC)).exists():
        write_new(handout / (BROKER + PUBLIC), _certificate(BROKER, pair.public), 0o644)
    _make_pair(secret, listed, f"{role.value} {name}")
    return handout


def strike_off(folder: Path, role: Role, name: str) -> Path | None:
    """Take a machine from the list of a role, and remove what was made for it and not handed out. Returns the file that
    was its entry, or None if it had none."""
    _check_name(name)
    listed = folder / role.list_name / (name + PUBLIC)
    try:
        listed.unlink()
        for left in (folder / MACHINES / name / role.secret_name, folder / MACHINES / (name + INVITATION)):
            left.unlink(missing_ok=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"{printable(str(listed))} cannot be removed: {error.strerror}.") from None
    return listed


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
            parent.mkdir(0o755, exist_ok=True)  # whatever the umask is: a folder that others can write to is refused
        folder.mkdir(mode, exist_ok=True)
    except OSError as error:
        raise FleetError(f"The folder {printable(str(folder))} cannot be made: {error.strerror}.") from None


def write_new(file: Path, text: str, mode: int) -> None:
    """A file that nobody sees before it is complete, and that replaces none. Raises FleetError."""
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            os.link(aside, file)
        finally:
            aside.unlink()
    except OSError as error:
        raise FleetError(f"{printable(str(file))} cannot be written: {error.strerror}.") from None
