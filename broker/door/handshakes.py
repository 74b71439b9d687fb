"""The socket on which libzmq asks, in each handshake, whether a peer may come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import zmq

from filterfleet.broker.door.pace import Pace
from filterfleet.broker.door.zap import ADDRESS, Names, Ruling, judge, later
from filterfleet.broker.settings import HANDSHAKES_BURST, HANDSHAKES_RATE, HANDSHAKES_WAITING
from filterfleet.common.sockets import can_read

_Request = list[bytes]  # the way back, an empty frame, and what ZAP has in a request
_WAY_BACK = 2  # frames


class Handshakes:
    """Denies at once. Allows each key a number of handshakes a second, and lets the others wait.

    This limits how many connections one key makes in a second, and so how fast libzmq's numbers for anonymous peers
    go up (anonymous.py).
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(ADDRESS)
        self._new: list[_Request] = []
        self._waiting: dict[str, deque[_Request]] = {}
        self._pace = Pace(HANDSHAKES_RATE, HANDSHAKES_BURST)

    def take(self) -> None:
        """Receive the requests that have come. answer() answers these and no later ones."""
        while can_read(self.socket):
            self._new.append(self.socket.recv_multipart(zmq.DONTWAIT))

    def answer(self, now: float, names: Names, next_stamp: Callable[[], int]) -> list[Ruling]:
        """Answer those whose turn it is, and return the denials. Each connection that is let in gets a stamp: its
        messages have the property User-Id, which is the stamp and the key."""
        rulings = []
        for key, line in list(self._waiting.items()):
            while line and self._pace.admits(key, now):
                rulings.append(self._answer(line.popleft(), names, next_stamp))
            if not line:
                del self._waiting[key]
        for request in self._new:
            ruling = judge(request[_WAY_BACK:], names)
            if not ruling.allowed or (ruling.key not in self._waiting and self._pace.admits(ruling.key, now)):
                rulings.append(self._answer(request, names, next_stamp))
            else:
                self._wait(ruling.key, request)
        self._new.clear()
        return [ruling for ruling in rulings if not ruling.allowed]

    def _answer(self, request: _Request, names: Names, next_stamp: Callable[[], int]) -> Ruling:
        ruling = judge(request[_WAY_BACK:], names)
        self._reply(request, ruling.reply(b"%d %s" % (next_stamp(), ruling.key.encode())))
        return ruling

    def _wait(self, key: str, request: _Request) -> None:
        line = self._waiting.setdefault(key, deque())
        if len(line) < HANDSHAKES_WAITING:
            line.append(request)
        else:
            self._reply(request, later(request[_WAY_BACK:]))

    def _reply(self, request: _Request, reply: list[bytes]) -> None:
        self.socket.send_multipart([*request[:_WAY_BACK], *reply], zmq.DONTWAIT)

    def close(self) -> None:
        self.socket.close()
