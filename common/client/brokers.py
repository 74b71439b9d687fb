"""--broker: the machine of the broker, or those of several brokers that stand in for each other."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket

from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

log = get_logger("common")


def hosts(brokers: str) -> list[str]:
    """Names or addresses, without the commas between them. Raises FleetError."""
    found = [host.strip().lower() for host in brokers.split(",")]
    if not all(map(_is_host, found)) or len({*found}) < len(found):
        hint = ": ports are options of their own, and an address has no brackets" if ":" in brokers else ""
        raise FleetError(
            f"--broker takes a name or an address, or several with commas between them, not {brokers!r}{hint}."
        )
    return found


def addresses(brokers: str, port: int) -> list[str]:
    """The ZeroMQ address of each broker at this port."""
    return [f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}" for host in hosts(brokers)]


def shown_address(address: str) -> str:
    """A ZeroMQ address as people write it."""
    return address.removeprefix("tcp://")


def check_brokers(brokers: str) -> None:
    """Raise FleetError when two of the names stand for one machine, or when none can be resolved. A name that cannot be
    resolved beside one that can is only logged."""
    known: dict[str, str] = {}  # by address
    unknown = []
    for host in hosts(brokers):
        machine = _addresses_of(host)
        if not machine:
            unknown.append(host)
        for address in machine:
            if address in known:
                raise FleetError(f"--broker names one machine twice: {known[address]} and {host} are both {address}.")
        known.update(dict.fromkeys(machine, host))
    if not known:
        raise FleetError(f"The name {brokers!r} cannot be resolved: check --broker.")
    for host in unknown:
        log.warning("the name of a broker cannot be resolved", broker=host)


def _is_host(text: str) -> bool:
    """Whether libzmq accepts it as a host, be it known or not."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return NAME.fullmatch(text) is not None


def _addresses_of(host: str) -> set[str]:
    """The addresses of a host; none when its name cannot be resolved here."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return set()
