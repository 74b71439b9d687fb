"""Key folders: CURVE certificates (ZeroMQ RFC 26) in files, in the format of zmq.auth and czmq.

A folder holds the keys that one place needs, and --keys names the folder:

    broker.key            public    who the broker is; every peer has it
    broker.key_secret     secret    the broker's own
    workers/NAME.key      public    a peer that may work (at the broker)
    clients/NAME.key      public    a peer that may submit, ask and read (at the broker)
    worker.key_secret     secret    a worker's own
    client.key_secret     secret    a client's own

Keys are Z85 text of 40 characters. Everything here raises FleetError with one sentence. Each file, its folders and the
links to it have to be out of other users' reach (trust.py).
"""

from __future__ import annotations

import enum
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.trust import check_folder, check_list, read_public, read_secret
from filterfleet.common.text import printable

PUBLIC, SECRET = ".key", ".key_secret"
BROKER = "broker"
_LINE = re.compile(r'^\s*(public|secret)-key\s*=\s*"([^"]*)"\s*$', re.MULTILINE)


class Role(enum.Enum):
    """A peer that connects to a broker."""

    WORKER = "worker"
    CLIENT = "client"

    @property
    def secret_name(self) -> str:
        """The name of its own certificate in a key folder."""
        return self.value + SECRET

    @property
    def list_name(self) -> str:
        """The folder of the peers that the broker lets in."""
        return self.value + "s"


@dataclass(frozen=True, slots=True)
class KeyPair:
    public: bytes
    secret: bytes

    def __repr__(self) -> str:  # a secret must not get into a log
        return f"KeyPair({self.public!r})"


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """The keys that a worker or a client connects with. file is the certificate that `own` was read from."""

    role: Role
    file: Path
    own: KeyPair
    broker: bytes


@dataclass(frozen=True, slots=True)
class AllowList:
    """The names of peers by their public keys. problems has a sentence for each file that is not a certificate; such a
    file lets nobody in."""

    names: Mapping[bytes, str]
    problems: tuple[str, ...]


# --- reading ----


def peer_keys(folder: Path, role: Role) -> PeerKeys:
    """The keys that a peer needs to connect to its broker."""
    file = _secret_file(folder, role.secret_name)
    return PeerKeys(role, file, _pair(file), _public(folder / (BROKER + PUBLIC)))


def has_secret(folder: Path, role: Role) -> bool:
    """Whether there is something that should be the secret of such a peer."""
    return os.path.lexists(_secret_file(folder, role.secret_name))


def broker_pair(folder: Path) -> KeyPair:
    """The broker's own keys."""
    return _pair(_secret_file(folder, BROKER + SECRET))


def allow_list(folder: Path, role: Role) -> AllowList:
    """The peers of one role that the broker lets in. Raises FleetError when the list as a whole cannot be trusted."""
    place = folder / role.list_name
    names: dict[bytes, str] = {}
    problems: list[str] = []
    try:
        check_folder(folder)
        check_list(place)
        files = sorted(file for file in place.iterdir() if file.suffix == PUBLIC)
    except OSError as error:
        raise _unusable(place, error) from None
    for file in files:
        try:
            names[_public(file)] = file.name.removesuffix(PUBLIC)
        except FleetError as error:
            problems.append(str(error))
    return AllowList(names, tuple(problems))


def fingerprint(folder: Path, role: Role) -> object:
    """Another value whenever something in the list of this role may have changed; None if it cannot be looked at."""
    try:
        with os.scandir(folder / role.list_name) as entries:
            found = {entry.name: entry.stat() for entry in entries if entry.name.endswith(PUBLIC)}
    except OSError:
        return None
    return {name: (stat.st_ino, stat.st_ctime_ns, stat.st_size) for name, stat in found.items()}


def _secret_file(folder: Path, name: str) -> Path:
    """The file in the folder. Under systemd it is the credential of that name (LoadCredential=), if the unit has
    one."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (credential := Path(credentials) / name).exists():
        return credential
    return folder / name


def _public(file: Path) -> bytes:
    try:
        return public_in(file, _text(read_public(file)))
    except OSError as error:
        raise _unusable(file, error) from None


def _pair(file: Path) -> KeyPair:
    try:
        return pair_in(file, _text(read_secret(file)))
    except OSError as error:
        raise _unusable(file, error) from None


def public_in(file: Path, text: str) -> bytes:
    """The key in the text of a public certificate. file is for the sentence."""
    return _key(file, text, "public")


def pair_in(file: Path, text: str) -> KeyPair:
    """The keys in the text of a secret certificate. file is for the sentence."""
    pair = KeyPair(_key(file, text, "public"), _key(file, text, "secret"))
    if zmq.curve_public(pair.secret) != pair.public:
        raise FleetError(f"The two keys in {_shown(file)} do not belong together: restore the file, or make a new key.")
    return pair


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _key(file: Path, text: str, kind: str) -> bytes:
    found = [key for which, key in _LINE.findall(text) if which == kind]
    try:
        if len(found) == 1 and len(z85.decode(found[0])) == 32:
            return bytes(found[0], "ascii")
    except (KeyError, ValueError, struct.error):  # from z85, for text that is not Z85
        pass
    raise FleetError(f"{_shown(file)} is not a certificate with a {kind} CURVE key: make one with `filterfleet keys`.")


def _unusable(path: Path, error: OSError) -> FleetError:
    do = "--keys takes a folder that `filterfleet keys` has made."
    if isinstance(error, PermissionError):
        do = "Run the command as the user to whom the keys belong, with sudo if that is root."
    return FleetError(f"{_shown(path)} cannot be used: {error.strerror}. {do}")


def _shown(path: Path) -> str:
    return printable(str(path))
