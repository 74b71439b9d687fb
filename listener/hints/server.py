"""Takes hints over HTTP: a small server on a thread, for notifications of stores and for anybody with the token.

A hint only ever has something looked at sooner than the next scan would. So the server believes nobody, keeps nothing,
and answers with a status and a sentence. One connection is one request; there are few at once, and none lasts long.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import socket
import threading
import time
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import RateLimit
from filterfleet.listener.hints.parse import DRIVE_STATE, HintError, Invitation, below, parse
from filterfleet.listener.hints.sieve import Sieve
from filterfleet.listener.settings.hints import HintsAddress

BODY_LIMIT = 256 << 10  # bytes: SNS and S3 send no more

# Requests at once; further connections are closed. More: a burst of notifications is repeated less often. Less: a
# stranger takes fewer threads.
REQUESTS = 16

# Seconds until the next byte of a request, and for all of it. More: slow senders are heard. Less: connections that say
# nothing make room sooner.
SILENCE, PATIENCE = 5.0, 15.0

POLL = 0.2  # seconds between two looks whether to end, and for connections that last too long

# Lines that each kind of event may write to the log in a period, and its seconds.
LINES, LINES_PERIOD = 10, 60.0

log = get_logger("listener")


class HintServer:
    """Listens from the beginning. place: as in parse.below(). Raises FleetError when the port cannot be had."""

    def __init__(self, address: HintsAddress, token: bytes | None, place: str | None) -> None:
        self._address = address
        self._token = token
        self._place = place
        self._sieve = Sieve()
        self._lock = threading.Lock()
        self._lines = RateLimit(LINES, LINES_PERIOD)
        self._changed: Callable[[str], None] = lambda _: None
        try:
            self._server = _Server(address, self)
        except OSError as error:
            raise FleetError(f"Hints cannot be taken at {address}: {error.strerror}.") from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL,), name="hints", daemon=True)

    def serve(self, changed: Callable[[str], None]) -> None:
        """Call changed(path), or changed(ROOT), for each hint, from other threads."""
        self._changed = changed
        self._thread.start()
        log.info("hints are taken", address=str(self._address), token=self._token is not None)

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def take(self, headers: Message, body: bytes) -> None:
        """One notification. Raises HintError."""
        said = parse(body, headers.get(DRIVE_STATE))
        if isinstance(said, Invitation):
            self._say("SNS asks for a confirmation: open this address once", url=said.url)
            return
        paths = [path for path in (below(changed, self._place) for changed in said) if path is not None]
        if len(paths) < len(said):
            self._say("hints about objects that are not in the source", number=len(said) - len(paths))
        with self._lock:
            admitted = self._sieve.admit(paths, time.monotonic())
        for path in admitted:
            self._changed(path)

    def refusal(self, headers: Message, target: str) -> HTTPStatus | None:
        """Why a request must not come in; None if it may."""
        if self._token is not None:
            given = [*_tokens(headers, target)]
            allowed = [hmac.compare_digest(token, self._token) for token in given]
            return None if any(allowed) else HTTPStatus.UNAUTHORIZED
        # Without a token we are on loopback, where a browser may be led by any web page that its user looks at.
        if "Origin" in headers or not _is_loopback(headers.get("Host", "")):
            return HTTPStatus.FORBIDDEN
        return None

    def refused(self, status: HTTPStatus, reason: str, peer: str) -> None:
        self._say("hint refused", status=status.value, reason=reason, peer=peer)

    def _say(self, event: str, **fields: Any) -> None:
        with self._lock:
            admitted = self._lines.admit(event, time.monotonic())
        if admitted:
            log.warning(event, total=admitted, **fields)


class _Handler(BaseHTTPRequestHandler):
    """One request. It is answered with HTTP/1.0, so that the connection ends with it."""

    server: _Server
    timeout = SILENCE

    def do_POST(self) -> None:
        if (length := self._length()) is None:
            return
        body = self.rfile.read(length)  # in any case: what is not read may cost the sender our answer
        if len(body) < length:
            return
        if (status := self.server.hints.refusal(self.headers, self.path)) is not None:
            self._refuse(status, "The token is missing or wrong." if status == 401 else "Browsers may not do this.")
            return
        try:
            self.server.hints.take(self.headers, body)
        except HintError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        self._reply(HTTPStatus.NO_CONTENT, "")

    def _length(self) -> int | None:
        """Bytes of the body; None when the request has been refused for it."""
        text = self.headers.get("Content-Length", "0" if DRIVE_STATE in self.headers else "")
        if not (text.isascii() and text.isdigit()) or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "A notification has to say how long it is.")
            return None
        if len(text) > len(str(BODY_LIMIT)) or int(text) > BODY_LIMIT:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A notification has {BODY_LIMIT} bytes at most.")
            return None
        return int(text)

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self.server.hints.refused(status, sentence, self.client_address[0])
        self._reply(status, f"{sentence}\n")

    def _reply(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        if text:
            self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def send_error(self, code: int, _message: str | None = None, _explain: str | None = None) -> None:
        """For what is no POST, or no HTTP."""
        with contextlib.suppress(OSError):
            self.send_response(code)
            self.end_headers()

    def version_string(self) -> str:
        return "filterfleet"

    def log_message(self, *_: object) -> None:
        """What matters is logged elsewhere; a request line may have a token in it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = REQUESTS
    allow_reuse_address = True

    def __init__(self, address: HintsAddress, hints: HintServer) -> None:
        self.hints = hints
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._lock = threading.Lock()
        self._open: dict[Any, float] = {}  # connections, and the instants of their ends
        super().__init__((address.host, address.port), _Handler)

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


def _tokens(headers: Message, target: str) -> list[bytes]:
    """What a request shows as its token: each store has another way."""
    found = [headers.get("X-Goog-Channel-Token", ""), headers.get("X-Api-Key", "")]
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(credentials.strip())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(credentials, validate=True).decode().partition(":")[2])
    with contextlib.suppress(ValueError):
        found += parse_qs(urlsplit(target).query, max_num_fields=16).get("token", [])
    return [token.encode("utf-8", "surrogateescape") for token in found if token]


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    with contextlib.suppress(ValueError):
        return urlsplit(f"//{host}").hostname in {"localhost", "127.0.0.1", "::1"}
    return False
