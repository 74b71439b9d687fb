"""Where a listener takes hints, and the token that they need."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.trust import read_secret
from filterfleet.common.text import printable

SHORTEST = 16  # characters of a token


@dataclass(frozen=True, slots=True)
class HintsAddress:
    """An address of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_hints(text: str, token: Path | None) -> HintsAddress:
    """HOST:PORT. token: the file of the token, which every other address than loopback needs. Raises FleetError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise FleetError(f"{printable(text)} is no HOST:PORT for --hints, such as 127.0.0.1:8900.")
    address = HintsAddress(host, int(port))
    if token is None and not address.is_loopback:
        raise FleetError(
            f"Everybody who can reach {host} could send hints there: name a file with a token, --hints-token."
        )
    return address


def read_token(file: Path) -> bytes:
    """The token in a file that nobody else can read. Raises FleetError."""
    shown = printable(str(file))
    try:
        token = read_secret(file).strip()
    except OSError as error:
        raise FleetError(f"The token in {shown} cannot be read: {error.strerror}.") from None
    if len(token) < SHORTEST or not token.isascii() or b" " in token:
        raise FleetError(
            f"{shown} has no token of at least {SHORTEST} characters without blanks: `openssl rand -hex 32` makes one."
        )
    return token
