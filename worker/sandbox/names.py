"""Names of brokers, for a process that may not ask for addresses: a process outside its sandbox asks.

A question of DNS goes to servers anywhere, by UDP, which Landlock does not limit. So a sandbox has none of that, and
this helper answers one question only: what are the addresses of these brokers now?
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
from collections.abc import Sequence
from typing import NoReturn

_LARGEST = 1 << 16  # bytes of an answer


class Names:
    """backends are ZeroMQ addresses, tcp://HOST:PORT. Waits for the first answer. Where a host is a name, a child of
    this process is started, which ends with this process.

    To be made before this process has threads and a sandbox.
    """

    def __init__(self, backends: Sequence[str]) -> None:
        self._known = {backend: backend for backend in backends}
        self._child: socket.socket | None = None
        named = [backend for backend in backends if not _is_number(_host(backend))]
        if named:
            self._child, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                self._child.close()
                _answer(theirs, named)
            theirs.close()
            self._ask()
            self._hear()
            self._child.setblocking(False)

    def current(self, backend: str) -> str:
        """The address to connect to, by what the last answer said. The next answer is asked for, and not waited for, so
        that a name that has moved is found at a later attempt. A name that has never been resolved stays a name.
        """
        if self._child is not None:
            with contextlib.suppress(OSError):  # no answer is there, or the helper is gone
                self._hear()
            self._ask()
        return self._known[backend]

    def _ask(self) -> None:
        assert self._child is not None
        with contextlib.suppress(OSError):
            self._child.send(b"?")

    def _hear(self) -> None:
        assert self._child is not None
        while answer := self._child.recv(_LARGEST):
            self._known |= json.loads(answer)
            if self._child.gettimeout() is None:
                return


def _answer(questions: socket.socket, backends: Sequence[str]) -> NoReturn:
    """The helper: answers until the process that asks has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while questions.recv(1):
            questions.send(json.dumps(dict(zip(backends, map(_numbered, backends), strict=True))).encode())
    finally:
        os._exit(0)


def _numbered(backend: str) -> str:
    """The backend with the first IPv4 address of its host, as libzmq would choose it."""
    host = _host(backend)
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        return backend.replace(host, str(found[0][4][0]), 1)
    return backend


def _host(backend: str) -> str:
    return backend.removeprefix("tcp://").rpartition(":")[0].strip("[]")


def _is_number(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
