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
import sys
from collections.abc import Sequence
from typing import NoReturn

from filterfleet.common.address import first_address, host_in

_LARGEST = 1 << 16  # bytes of an answer

# Seconds to wait for the first answer. More finds a broker at the first attempt although DNS is slow; less lets a
# worker start sooner when DNS does not answer, and find that broker a few seconds later.
FIRST_ANSWER = 3.0


class Names:
    """backends are ZeroMQ addresses, tcp://HOST:PORT. Waits for the first answer. Where a host is a name, a child of
    this process is started, which ends with this process.

    To be made before this process has threads and a sandbox.
    """

    def __init__(self, backends: Sequence[str]) -> None:
        self._known = {backend: backend for backend in backends}
        self._child: socket.socket | None = None
        named = [backend for backend in backends if not _is_number(host_in(backend))]
        if named and sys.platform == "linux":  # elsewhere there is no sandbox
            self._child, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                self._child.close()
                _answer(theirs, named)
            theirs.close()
            self._child.settimeout(FIRST_ANSWER)
            self._ask()
            self._hear()
            self._child.setblocking(False)

    def current(self, backend: str) -> str:
        """The address to connect to, by what the last answer said. The next answer is asked for, and not waited for, so
        that a name that has moved is found at a later attempt. A name that has never been resolved stays a name.
        """
        while self._hear():
            pass
        self._ask()
        return self._known[backend]

    def _ask(self) -> None:
        if self._child is not None:
            with contextlib.suppress(OSError):  # the helper is gone, or has questions enough
                self._child.send(b"?")

    def _hear(self) -> bool:
        """Takes one answer, if there is one."""
        answer = b""
        if self._child is not None:
            with contextlib.suppress(OSError):  # there is none, or the helper is gone
                answer = self._child.recv(_LARGEST)
        if answer:
            self._known |= json.loads(answer)
        return bool(answer)


def _answer(questions: socket.socket, backends: Sequence[str]) -> NoReturn:
    """The helper: answers until the process that asks has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while questions.recv(1):
            questions.send(json.dumps(dict(zip(backends, map(_numbered, backends), strict=True))).encode())
    finally:
        os._exit(0)


def _numbered(backend: str) -> str:
    """The backend with the address of its host."""
    host = host_in(backend)
    address = first_address(host)
    if address is None:
        return backend
    return backend.replace(host, f"[{address}]" if ":" in address else address, 1)


def _is_number(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
