"""An invitation: one file with which a machine joins a fleet. It holds where the broker is, and the machine's keys.

It is TOML, and secret, because the keys in it are. Keys come from a folder that making.py has made for the machine.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import BROKER, PUBLIC, SECRET, Role, pair_in, public_in
from filterfleet.common.keys.making import make_folder, write_new
from filterfleet.common.keys.trust import read_public, read_secret
from filterfleet.common.opening import open_file
from filterfleet.common.text import printable

FORMAT = 1
_LARGEST = 1 << 16  # bytes of an invitation; the rest of a larger file is not read
BROKER_KEY = BROKER + PUBLIC
_FILES = {BROKER_KEY: 0o644} | {role.secret_name: 0o600 for role in Role}  # and their modes


_Port = Annotated[int, Meta(ge=1, le=65535)]


class Invitation(Struct, frozen=True):
    """machine is the name in the broker's lists, broker the value of --broker. keys: text by the name of its file."""

    machine: str
    broker: str
    frontend_port: _Port
    backend_port: _Port
    keys: dict[str, str]

    @property
    def roles(self) -> list[Role]:
        """What the machine may do."""
        return [role for role in Role if role.secret_name in self.keys]

    def __repr__(self) -> str:  # secrets must not get into a log
        return f"Invitation({self.machine!r}, {self.broker!r})"


def gather(folder: Path, machine: str, broker: str, frontend_port: int, backend_port: int) -> Invitation:
    """An invitation with the keys in a folder. Raises FleetError."""
    keys = {}
    for name in _FILES:
        file = folder / name
        try:
            keys[name] = (read_public if name == BROKER_KEY else read_secret)(file).decode("ascii")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise FleetError(f"{printable(str(file))} cannot be read: {error}.") from None
    return Invitation(machine, broker, frontend_port, backend_port, keys)


def as_text(invitation: Invitation) -> str:
    """The file. Strings of JSON are strings of TOML."""
    lines = [
        f"# For `filterfleet join` on the machine {invitation.machine}. It holds secret keys: keep it to yourself.",
        f"format = {FORMAT}",
        f"machine = {json.dumps(invitation.machine)}",
        f"broker = {json.dumps(invitation.broker)}",
        f"frontend_port = {invitation.frontend_port}",
        f"backend_port = {invitation.backend_port}",
        "",
        "[keys]",
        *(f"{json.dumps(name)} = {json.dumps(text)}" for name, text in invitation.keys.items()),
    ]
    return "\n".join(lines) + "\n"


def read(file: Path) -> Invitation:
    """Raises FleetError for a file that is no invitation, or that others could have read. It may belong to anybody, and
    lie anywhere: whoever names it has brought it here, perhaps as another user."""
    try:
        with os.fdopen(open_file(file), "rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            text = opened.read(_LARGEST).decode("utf-8-sig")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise FleetError(
                f"{printable(str(file))} is open to others (mode {mode:04o}): if nobody has read it, "
                f"chmod 600 {printable(str(file))}; else revoke this machine where the broker is, and make another one."
            )
        found = tomllib.loads(text)
    except OSError as error:
        raise FleetError(f"{printable(str(file))} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):  # those of UTF-8 and of TOML are ValueErrors
        raise _no_invitation(file) from None
    if isinstance(number := found.get("format"), int) and number > FORMAT:
        raise FleetError(
            f"{printable(str(file))} was made by a newer version of filterfleet: install that version here as well."
        )
    try:
        made = msgspec.convert({name: found[name] for name in Invitation.__struct_fields__}, Invitation)
        if found.get("format") == FORMAT and made.roles and made.keys.keys() <= _FILES.keys():
            _check(made)
            return made
    except (KeyError, msgspec.ValidationError, FleetError):
        pass
    raise _no_invitation(file)


def _check(invitation: Invitation) -> None:
    """Before any of it is kept. Raises FleetError for a key that is none, and KeyError for one that is missing."""
    public_in(Path(BROKER_KEY), invitation.keys[BROKER_KEY])
    for role in invitation.roles:
        pair_in(Path(role.secret_name), invitation.keys[role.secret_name])


def accept(invitation: Invitation, folder: Path) -> None:
    """Put the keys into a folder. Those that are there already, with the same text, stay. Raises FleetError."""
    if os.path.lexists(folder / (BROKER + SECRET)):
        raise FleetError(
            f"{printable(str(folder))} has the keys of a broker, with which this machine works and submits without an "
            "invitation: name another folder with --keys if it is to join another fleet."
        )
    make_folder(folder, 0o755)
    missing = [name for name, text in invitation.keys.items() if not _has(folder / name, text)]
    for name in missing:  # nothing is written before it is known that everything fits
        write_new(folder / name, invitation.keys[name], _FILES[name])


def _has(file: Path, text: str) -> bool:
    """Whether the file is there, with this text. Raises FleetError for one with another."""
    try:
        there = (read_public if file.name == BROKER_KEY else read_secret)(file).decode(errors="replace")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FleetError(
            f"{printable(str(file))} is there already and cannot be read: {error.strerror}. Join as the user who made "
            "it, or name another folder with --keys."
        ) from None
    if there != text:
        raise FleetError(
            f"{printable(str(file))} is there already, with another key: this machine has joined a fleet before. "
            "Move the folder away, or name another one with --keys."
        )
    return True


def _no_invitation(file: Path) -> FleetError:
    return FleetError(
        f"{printable(str(file))} is no invitation, or a damaged one: copy it here once more, or make one on the "
        "broker's machine with `filterfleet keys FOLDER --worker NAME --broker ADDRESS`."
    )
