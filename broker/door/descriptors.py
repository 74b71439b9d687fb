"""The file descriptors of libzmq's connections. They are libzmq's to close, and nothing here closes them."""

from __future__ import annotations

import contextlib
import ipaddress
import resource
import socket
from collections.abc import Iterator

from filterfleet.broker.door.connections import Connection, Name

PREFIX = 64  # bits of an IPv6 address that its network assigns; the others a host may choose at will


def file_limit() -> int:
    """How many descriptors this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def name_of(number: int) -> Name:
    """Address and port of the peer at the other end, ("", 0) if there is none any more."""
    with contextlib.suppress(OSError), _borrowed(number) as connection:
        host, port = connection.getpeername()[:2]
        return str(host), int(port)
    return "", 0


def network_of(host: str) -> str:
    """What stands for everybody who may use this address: an IPv4 address itself, of an IPv6 address the network."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, PREFIX), strict=False))


def shut_down(connection: Connection) -> None:
    """End the connection. libzmq notices that, closes the descriptor, and reports it."""
    with contextlib.suppress(OSError), _borrowed(connection.number) as borrowed:
        if borrowed.getpeername()[:2] == connection.name:  # else libzmq uses the descriptor for another one by now
            borrowed.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _borrowed(number: int) -> Iterator[socket.socket]:
    """Raises OSError if this is not a socket's descriptor."""
    connection = socket.socket(fileno=number)
    try:
        yield connection
    finally:
        connection.detach()
