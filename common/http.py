"""An HTTP server on threads that strangers cannot keep busy: few connections at once, none of them for long."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from filterfleet.common.address import Address

# Requests at once; further connections are closed. More: a burst of requests is repeated less often. Less: a stranger
# takes fewer threads.
REQUESTS = 16

# Seconds until the next byte of a request, and for all of it. More: slow peers are heard. Less: connections that say
# nothing make room sooner.
SILENCE, PATIENCE = 5.0, 15.0

POLL = 0.2  # seconds between two looks whether to end, and for connections that last too long


class BoundedHandler(BaseHTTPRequestHandler):
    """One request. It is answered with HTTP/1.0, so that the connection ends with it."""

    timeout = SILENCE

    def reply(self, status: int, body: bytes = b"", content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, _message: str | None = None, _explain: str | None = None) -> None:
        """For a method that is not served, or no HTTP."""
        with contextlib.suppress(OSError):
            self.send_response(code)
            self.end_headers()

    def version_string(self) -> str:
        return "filterfleet"

    def log_message(self, *_: object) -> None:
        """What matters is logged elsewhere; a request line may have a token in it."""


class BoundedServer(ThreadingHTTPServer):
    """Listens from the beginning; serves from start() to close(). Raises OSError when the port cannot be had."""

    daemon_threads = True
    request_queue_size = REQUESTS
    allow_reuse_address = True

    def __init__(self, address: Address, handler: type[BoundedHandler], name: str) -> None:
        """name: of the thread."""
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._lock = threading.Lock()
        self._open: dict[Any, float] = {}  # connections, and the instants of their ends
        super().__init__((address.host, address.port), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL,), name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """Without looking up our own name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "filterfleet", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            has_room = len(self._open) < REQUESTS
            if has_room:
                self._open[request] = time.monotonic() + PATIENCE
        if has_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called once in POLL seconds."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, end in self._open.items() if end <= now]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is no news."""


def names_loopback(host: str) -> bool:
    """Whether a Host header names this machine. A browser that a web page has led here by a name of its own says that
    name."""
    with contextlib.suppress(ValueError):
        return urlsplit(f"//{host}").hostname in {"localhost", "127.0.0.1", "::1"}
    return False
