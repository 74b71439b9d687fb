"""A Redis server of a program's own: in a temporary folder, on a unix socket, with nothing written to disk."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from filterfleet.common.errors import FleetError

START = 10.0  # seconds that it has to start


@contextmanager
def redis_server() -> Iterator[Path]:
    """Yields its socket. Raises FleetError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="filterfleet-redis-") as name:
        socket = Path(name) / "redis.sock"
        settings = ("--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", name)
        program = shutil.which("redis-server") or "redis-server"
        with subprocess.Popen((program, *settings), stdout=subprocess.DEVNULL) as server:
            try:
                _wait(socket)
                yield socket
            finally:
                server.terminate()


def _wait(socket: Path) -> None:
    deadline = time.monotonic() + START
    with redis.Redis(unix_socket_path=str(socket)) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise FleetError("redis-server does not start.") from None
                time.sleep(0.01)
            else:
                return
