"""Where the page's server listens, and the names under which people may ask for it."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable

from filterfleet.common.address import Address, parse_address
from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

DEFAULT = "127.0.0.1:8765"

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class BusyPortError(FleetError):
    """Somebody else has the port, perhaps not for long."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: a supervisor tries again


def parse_bind(text: str, option: str) -> Address:
    """HOST:PORT, as this option has it. Raises FleetError."""
    return parse_address(text, option, DEFAULT)


def is_everywhere(address: Address) -> bool:
    """Whether it is every address of this machine."""
    ip = ip_of(address.host)
    return ip is not None and ip.is_unspecified


def parse_prefix(text: str) -> str:
    """The path below which a reverse proxy shows the page, without a slash at its end. Raises FleetError."""
    prefix = text.rstrip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise FleetError(f"{printable(text)} is no path for --prefix: write one such as /fleet.")
    return prefix


def hosts_of(address: Address, others: Iterable[str]) -> frozenset[str]:
    """The values of the header Host, in lower case, that mean this server. others: those that the user added, with or
    without a port. Raises FleetError."""
    names = {address.host}
    if address.is_loopback or is_everywhere(address):
        names |= {"127.0.0.1", "localhost", "::1"}
    if is_everywhere(address):
        names.add(socket.gethostname())
    found = {str(Address(name, address.port)) for name in names}
    for other in others:
        if not _HOST.fullmatch(other):
            raise FleetError(f"{printable(other)} is no host for --allow-host: write a name, or NAME:PORT.")
        found.add(other)
    return frozenset(each.lower() for each in found)


def listen(address: Address) -> socket.socket:
    """A socket that takes connections. Raises BusyPortError when somebody else has the port, or there is no such
    host."""
    try:
        infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, found = infos[0]
        return socket.create_server(found[:2], family=family, backlog=128)
    except OSError as error:
        raise BusyPortError(f"The dashboard cannot listen at {address}: {_reason(error)}.") from None


def _reason(error: OSError) -> str:
    """asyncio and socket add to what the system says, and a name that nobody knows has a number of its own."""
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0) if known else str(error.strerror)


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that these numbers stand for; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
