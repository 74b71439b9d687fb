"""Where a listener takes hints, and the token that they need."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.address import Address, parse_address
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.trust import read_secret
from filterfleet.common.text import printable

SHORTEST = 16  # characters of a token


def parse_hints(text: str, token: Path | None) -> Address:
    """HOST:PORT. token: the file of the token, which every other address than loopback needs. Raises FleetError."""
    address = parse_address(text, "--hints", "127.0.0.1:8900")
    if token is None and not address.is_loopback:
        raise FleetError(
            f"Everybody who can reach {address.host} could send hints there: name a file with a token, --hints-token."
        )
    return address


def read_token(file: Path, what: str = "token") -> bytes:
    """The token in a file that nobody else can read. what: what sentences call it. Raises FleetError."""
    shown = printable(str(file))
    try:
        token = read_secret(file).strip()
    except OSError as error:
        raise FleetError(f"The {what} in {shown} cannot be read: {error.strerror}.") from None
    if len(token) < SHORTEST or not token.isascii() or b" " in token:
        raise FleetError(
            f"{shown} has no {what} of at least {SHORTEST} characters without blanks: `openssl rand -hex 32` makes one."
        )
    return token
