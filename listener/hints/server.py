"""Takes hints over HTTP: a small server on a thread, for notifications of stores and for anybody with the token.

A hint only ever has something looked at sooner than the next scan would. So the server believes nobody, keeps nothing,
and answers with a status and a sentence. One connection is one request; there are few at once, and none lasts long.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import threading
import time
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.common.http import BoundedHandler, BoundedServer, names_loopback
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import RateLimit
from filterfleet.listener.hints.parse import DRIVE_STATE, HintError, Invitation, below, parse
from filterfleet.listener.hints.sieve import Sieve

BODY_LIMIT = 256 << 10  # bytes: SNS and S3 send no more

# Lines that each kind of event may write to the log in a period, and its seconds.
LINES, LINES_PERIOD = 10, 60.0

log = get_logger("listener")


class HintServer:
    """Listens from the beginning. place: as in parse.below(). Raises FleetError when the port cannot be had."""

    def __init__(self, address: Address, token: bytes | None, place: str | None) -> None:
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

    def serve(self, changed: Callable[[str], None]) -> None:
        """Call changed(path), or changed(ROOT), for each hint, from other threads."""
        self._changed = changed
        self._server.start()
        log.info("hints are taken", address=str(self._address), token=self._token is not None)

    def close(self) -> None:
        self._server.close()

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
        if "Origin" in headers or not names_loopback(headers.get("Host", "")):
            return HTTPStatus.FORBIDDEN
        return None

    def refused(self, status: HTTPStatus, reason: str, peer: str) -> None:
        self._say("hint refused", status=status.value, reason=reason, peer=peer)

    def _say(self, event: str, **fields: Any) -> None:
        with self._lock:
            admitted = self._lines.admit(event, time.monotonic())
        if admitted:
            log.warning(event, total=admitted, **fields)


class _Handler(BoundedHandler):
    server: _Server

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        if (length := self._length()) is None:
            return
        body = self.rfile.read(length)  # in any case: bytes that nobody reads may cost the sender our answer
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
        self.reply(HTTPStatus.NO_CONTENT)

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
        self.reply(status, f"{sentence}\n".encode())


class _Server(BoundedServer):
    def __init__(self, address: Address, hints: HintServer) -> None:
        self.hints = hints
        super().__init__(address, _Handler, "hints")


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
