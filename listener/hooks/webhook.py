"""Tells events by HTTP POST."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from urllib.parse import urlsplit

from filterfleet.common.process.system import VERSION
from filterfleet.listener.hooks.event import HookEvent
from filterfleet.listener.hooks.patience import Answer, Told
from filterfleet.listener.hooks.signature import HEADER, signature
from filterfleet.listener.settings.hooks import Webhook

# Seconds until a receiver has to take the connection, and between two bytes of its answer. More: slow ones are heard.
# Less: the others behind it wait less.
TIMEOUT = 10.0
ANSWER_LIMIT = 64 << 10  # bytes of an answer that are read, so that the connection can be used again

_LATER = frozenset({408, 425, 429})  # of the 4xx, those that ask for another try
_TLS = "the certificate is not trusted"


class Post:
    """One connection to one receiver, for one thread."""

    width = 1  # events at once

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook
        parts = urlsplit(webhook.url)
        assert parts.hostname is not None
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)

    def interrupt(self) -> None:
        if (sock := self._connection.sock) is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # which wakes a thread that waits for an answer

    def close(self) -> None:
        self._connection.close()

    def tell(self, event: HookEvent) -> Told:
        body = event.body()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"filterfleet/{VERSION}",
            "Filterfleet-Event": event.kind.value,
            "Filterfleet-Delivery": event.id,
        }
        if self._webhook.secret is not None:
            headers[HEADER] = signature(self._webhook.secret, int(time.time()), body)
        fresh = self._connection.sock is None
        told = self._post(body, headers)
        if told.answer is Answer.AWAY and not told.wait and not fresh:  # a connection that had rested may be closed
            told = self._post(body, headers)
        return told

    def _post(self, body: bytes, headers: dict[str, str]) -> Told:
        try:
            self._connection.request("POST", self._path, body, headers)
            response = self._connection.getresponse()
            response.read(ANSWER_LIMIT)
            if not response.isclosed():
                self._connection.close()
        except ssl.SSLCertVerificationError:
            self._connection.close()
            return Told(Answer.AWAY, _TLS)
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last one for a name that is no host's
            self._connection.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            return Told(Answer.AWAY, str(reason))
        return _judged(response.status, response.headers.get("Retry-After", ""))


def _judged(status: int, retry_after: str) -> Told:
    """Redirects are refusals: an event goes nowhere but to the address that its user named."""
    reason = f"HTTP status {status}"
    if 200 <= status < 300:
        return Told(Answer.TAKEN)
    if status == 410:
        return Told(Answer.GONE, reason)
    if status >= 500 or status in _LATER:
        wait = 0.0
        with contextlib.suppress(ValueError):
            wait = float(int(retry_after))
        return Told(Answer.AWAY, reason, max(wait, 0.001))
    return Told(Answer.REFUSED, reason)
