"""A TCP relay on loopback that counts bytes and can be cut, as a cable can."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import closing
from types import TracebackType
from typing import Self

from filterfleet.common.process.ports import LOOPBACK

CHUNK = 1 << 20


class Proxy:
    """A context manager: connections to port are carried to another port of loopback, on a thread of its own.

    While it is cut, nothing passes in either direction, connections stay open, and no new one is made: each side sees
    silence, as behind an unplugged cable.
    """

    def __init__(self, target: int) -> None:
        self.bytes = 0  # in both directions
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self._selector = selectors.DefaultSelector()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._running = threading.Event()
        self._running.set()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        self._running.clear()

    def heal(self) -> None:
        self._running.set()

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        self._running.set()
        with socket.create_connection((LOOPBACK, self.port)):  # wakes the thread
            self._thread.join()

    def _run(self) -> None:
        with closing(self._selector), self._listener:
            while not self._ended:
                for key, _ in self._selector.select():
                    self._running.wait()
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    if sock is self._listener:
                        self._accept()
                    elif sock in self._pairs:
                        self._carry(sock)
            for sock in list(self._pairs):
                sock.close()

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        try:
            other = socket.create_connection((LOOPBACK, self._target))
        except OSError:
            peer.close()
            return
        for sock, opposite in ((peer, other), (other, peer)):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[sock] = opposite
            self._selector.register(sock, selectors.EVENT_READ)

    def _carry(self, sock: socket.socket) -> None:
        opposite = self._pairs[sock]
        try:
            data = sock.recv(CHUNK)
            opposite.sendall(data)
        except OSError:
            data = b""
        self.bytes += len(data)
        if not data:
            for end in (sock, opposite):
                self._selector.unregister(end)
                del self._pairs[end]
                end.close()
