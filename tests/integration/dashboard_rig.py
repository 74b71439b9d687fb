"""A dashboard as its own process, and browsers that are no more than their requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from filterfleet.common.process.ports import LOOPBACK, free_ports
from tests.integration.harness import Daemon, Processes, wait_until

URL = re.compile(r"http://(?P<host>[^/\s]+)(?P<prefix>\S*)/\?token=(?P<token>\S+)")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # by name in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Page:
    """Where a dashboard is, and its token."""

    daemon: Daemon | None
    host: str
    prefix: str
    token: str

    @property
    def url(self) -> str:
        return f"http://{self.host}{self.prefix}/?token={self.token}"

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET", body: bytes | None = None) -> Answer:
        """One request as it stands: nothing is added but Host, if that is not given."""
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    def order(self, what: str, body: Any, **headers: str) -> Answer:
        """A write as a program with the token makes it."""
        given = {**self.bearer, "Content-Type": "application/json", **headers}
        return self.ask(f"{self.prefix}/api/{what}", given, "POST", json.dumps(body).encode())

    def cookie(self) -> str:
        """What a browser keeps after it has opened the address with the token."""
        welcome = self.ask(f"{self.prefix}/?token={self.token}")
        (morsel,) = SimpleCookie(welcome.headers["set-cookie"]).values()
        return f"{morsel.key}={morsel.value}"

    @contextlib.contextmanager
    def stream(self, **headers: str) -> Iterator[socket.socket]:
        """A connection that has asked for the stream of events."""
        with socket.create_connection((LOOPBACK, self.port), timeout=30) as connection:
            lines = {"Host": self.host, **self.bearer, **headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            connection.sendall(f"GET {self.prefix}/api/stream HTTP/1.1\r\n{head}\r\n".encode())
            yield connection


NARROWEST = 320  # pixels: what WCAG 2.2 asks of pages (1.4.10)
_STICKING_OUT = """() => {
    const isInside = ({ left, right }) => left >= 0 && right <= innerWidth + 0.5;
    const mayScroll = (one) => one.closest(".strip, .seg, .skip");
    return [...document.querySelectorAll("a, button, input, select, textarea, summary")]
        .filter((one) => one.checkVisibility() && !mayScroll(one) && !isInside(one.getBoundingClientRect()))
        .map((one) => one.outerHTML);
}"""


def sticking_out(page: Any) -> list[str]:
    """What of a page in a browser cannot be reached, since it lies beside the window."""
    found: list[str] = page.evaluate(_STICKING_OUT)
    return found


def start_page(processes: Processes, output: Path, *options: object, frontend_port: int = 0) -> Page:
    """`filterfleet dashboard`, once it listens. Without a port of a broker, there is none."""
    port, other = free_ports()
    where = ("--output", output, "--bind", f"{LOOPBACK}:{port}", "--frontend-port", frontend_port or other)
    daemon = processes.start("dashboard", *where, *options)
    wait_until(lambda: "dashboard started" in daemon.said or not daemon.alive, what="a dashboard")
    return page_in(daemon)


def page_in(daemon: Daemon) -> Page:
    """The page whose address a process has printed."""
    found = URL.search(daemon.said)
    assert found, daemon.said
    return Page(daemon, found["host"], found["prefix"], found["token"])
