"""The service side of sd_notify(3): a process tells its supervisor that it is ready and alive.

The supervisor, which is systemd or common.process.supervisor, listens on the socket NOTIFY_SOCKET.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from filterfleet.common.text import one_line

# Characters of a status. More tells more of many processes; less keeps `systemctl status` readable.
STATUS_LIMIT = 1000
# Seconds between two of them, at least. More costs less; less shows a change sooner.
STATUS_PAUSE = 1.0

NUMBERS = b"X_FILTERFLEET_NUMBERS="  # before a message with numbers; sd_notify(3) leaves names with X_ to its users


class Notifier:
    """Does nothing when this process has no supervisor."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = os.environ.get("WATCHDOG_USEC", "")
        self._interval = int(usec) / 2e6 if usec.isdigit() else None  # seconds: half of the silence that is allowed
        self._next = 0.0
        self._peer: socket.socket | None = None
        self._said, self._next_status = "", 0.0

    def connect(self) -> None:
        """Open the socket now, for good: a process in a sandbox can open none later."""
        if self._address:
            self._peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._peer.setblocking(False)
            with contextlib.suppress(OSError):
                self._peer.connect(self._address)

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Call this in every turn of the main loop. It sends no more messages than needed."""
        if self._interval is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._interval / 2
            self._send("WATCHDOG=1")

    def tell(self, numbers: bytes) -> None:
        """Tell the supervisor numbers (common.metrics.telling). What is too long for a message is not told."""
        self._send_bytes(NUMBERS + numbers)

    def status(self, words: Callable[[], str]) -> None:
        """Say in a line what this process does now. Call this in every turn of the main loop: words() is called once in
        a while."""
        if self._address and (now := time.monotonic()) >= self._next_status:
            self._next_status = now + STATUS_PAUSE
            if (text := one_line(words(), STATUS_LIMIT)) != self._said:
                self._said = text
                self._send(f"STATUS={text}")

    def _send(self, text: str) -> None:
        self._send_bytes(text.encode())

    def _send_bytes(self, data: bytes) -> None:
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.send(data)
        elif self._address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
                peer.setblocking(False)
                peer.sendto(data, self._address)
