"""Where a process listens: an address of this machine, and a port."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable


@dataclass(frozen=True, slots=True)
class Address:
    """An address or name of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str, option: str, example: str) -> Address:
    """HOST:PORT, with brackets around an IPv6 address. option and example are for the sentence that says what is wrong.

    Raises FleetError.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise FleetError(f"{printable(text)} is no HOST:PORT for {option}, such as {example}.")
    return Address(host, int(port))


def host_in(address: str) -> str:
    """The host of a ZeroMQ address, tcp://HOST:PORT."""
    return address.removeprefix("tcp://").rpartition(":")[0].strip("[]")


def first_address(host: str) -> str | None:
    """The address by which a host is reached: its first of IPv4, else its first of IPv6; None if nobody here knows the
    host. It may ask name servers, and wait for them.

    IPv4 comes first because a broker that listens on all of its addresses of IPv6 listens on those of IPv4 as well, and
    not the other way round.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, UnicodeError):
            return str(socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)[0][4][0])
    return None
