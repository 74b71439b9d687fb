"""Ports for a private fleet: a demo, a storm, a measurement or a test."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import NamedTuple

LOOPBACK = "127.0.0.1"

# Below the range of outgoing connections. A client that tries to reach a dead broker on loopback could otherwise be
# given that very port, connect to itself, and keep the broker from coming back.
FIRST, LAST = 15000, 32000


class Ports(NamedTuple):
    frontend: int
    backend: int


def free_ports() -> Ports:
    """Two ports of loopback on which nobody listens at this moment."""
    found: set[int] = set()
    while len(found) < 2:
        port = random.randint(FIRST, LAST)  # noqa: S311 - no secret
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            found.add(port)
    return Ports(*found)
