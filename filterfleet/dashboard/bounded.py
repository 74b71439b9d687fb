"""Bounds for strangers: how many connections there are, and how long one may say nothing, or read nothing."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

# Connections at once; further ones are closed. More: more people can look at the same time, with six connections for
# each browser. Less: strangers take less memory.
CONNECTIONS = 256

# Seconds until a request is complete. More: slow lines are heard. Less: connections that say nothing make room sooner.
PATIENCE = 10.0

# Seconds after which the system ends a connection whose other end reads nothing. More forgives a sleeping laptop; less
# frees what waits for it sooner.
UNREAD = 30.0


def limit_unread(listening: socket.socket) -> None:
    """Connections of this socket end when what was sent stays unread for UNREAD seconds (Linux)."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD * 1000))


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 on one connection."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > CONNECTIONS:
            self.transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy:
            self._settle()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(PATIENCE, self.transport.abort)

    def _settle(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
