"""Calls of rclone's server: JSON over HTTP on a unix socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import socket
import sys
import threading
from pathlib import Path
from typing import Any

NO_DIRECTORY_LIMIT = 100  # bytes of a path that fit into a socket's address everywhere


class CallError(Exception):
    """rclone says that it did not work: its text, and its status as of HTTP."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class NoServerError(Exception):
    """There is nobody to call; nothing was asked."""


class Calls:
    """Any thread may call; connections are kept and used again."""

    def __init__(self, folder: Path, name: str) -> None:
        """The socket's folder, however long its path is, and the name there."""
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        path = str(folder / name)
        fits = len(os.fsencode(path)) < NO_DIRECTORY_LIMIT or sys.platform != "linux"
        self._address = path if fits else f"/proc/self/fd/{self._directory}/{name}"
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._closed = False

    def call(self, command: str, parameters: dict[str, Any], limit: float | None = None) -> dict[str, Any]:
        """The answer. limit: seconds that each part of it may take. Raises CallError when rclone says no,
        NoServerError when there is none, OSError and http.client.HTTPException when it dies meanwhile."""
        connection = self._take()
        try:
            connection.limit(limit)
            connection.request("POST", f"/{command}", json.dumps(parameters), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        if response.status != http.HTTPStatus.OK:
            raise CallError(_reason(body), response.status)
        answer = json.loads(body)
        assert isinstance(answer, dict)
        return answer

    def answers(self, limit: float) -> bool:
        """Whether the server lives."""
        try:
            self.call("rc/noop", {}, limit)
        except (NoServerError, OSError, http.client.HTTPException, CallError):
            return False
        return True

    def _take(self) -> _Connection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_usable():
                    return connection
                connection.close()
        return _Connection(self._address)

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """After the server's end: calls under way have failed then. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for connection in self._idle:
                connection.close()
        os.close(self._directory)


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: str) -> None:
        super().__init__("localhost")
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._address)
        except OSError as error:
            raise NoServerError(str(error)) from None

    def limit(self, seconds: float | None) -> None:
        self.timeout = seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def is_usable(self) -> bool:
        """Nothing waits on an idle connection but its end: the server that it led to is gone."""
        return self.sock is not None and not select.select([self.sock], [], [], 0)[0]


def _reason(body: bytes) -> str:
    with contextlib.suppress(ValueError):
        answer = json.loads(body)
        if isinstance(answer, dict) and "error" in answer:
            return str(answer["error"])
    return body.decode(errors="replace")
