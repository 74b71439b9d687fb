"""Many strangers at once: the dashboard stays small and answers, and the fleet behind it notices nothing."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from filterfleet.common.process.ports import LOOPBACK, free_ports
from tests.integration.dashboard_rig import Page, start_page
from tests.integration.harness import Fleet, count_done, wait_until

pytestmark = pytest.mark.slow

READERS = 200
REQUESTS, BATCH = 10_000, 25
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
MEMORY = 100 << 20  # bytes
PHOTOS = Path(__file__).parents[2] / "filterfleet" / "demo" / "photos"


@pytest.fixture
def page(fleet: Fleet, tmp_path: Path) -> Page:
    """The dashboard of a fleet that works."""
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", source)
    fleet.start_broker()
    fleet.start_worker()
    fleet.start_listener(source, output, "--settle", "0", "--interval", "0.3")
    wait_until(lambda: (output / ".filterfleet").exists() and count_done(output) == 1, what="a fleet")
    return start_page(fleet.processes, output, frontend_port=fleet.frontend)


def still_works(page: Page, tmp_path: Path, done: int) -> None:
    """The fleet processes another image meanwhile, and the page knows it."""
    shutil.copy(PHOTOS / "rocket.jpg", tmp_path / "in" / f"{done}.jpg")
    wait_until(lambda: count_done(tmp_path / "out") == done, what="another image")
    assert memory_of(page) < MEMORY


def memory_of(page: Page) -> int:
    """Bytes of its process in memory."""
    assert page.daemon is not None
    return psutil.Process(page.daemon.pid).memory_info().rss


def counts(page: Page) -> int:
    return len(page.ask("/api/jobs", page.bearer).json["jobs"])


def first_line(page: Page) -> bytes:
    """The beginning of the answer to one who asks for the stream."""
    with page.stream() as stream:
        return stream.recv(12)


def test_readers_that_never_read(page: Page, tmp_path: Path):
    """Streams with the token whose readers read nothing, and connections without it that never end their request."""
    with contextlib.ExitStack() as opened:
        for _ in range(READERS // 2):
            opened.enter_context(page.stream())
        for _ in range(READERS // 2):
            stranger = opened.enter_context(socket.create_connection((LOOPBACK, page.port), timeout=30))
            stranger.sendall(b"GET / HTTP/1.1\r\nHost: ")
        still_works(page, tmp_path, 2)
        wait_until(lambda: counts(page) == 2, what="an answer beside them")
        stranger.settimeout(60)
        assert stranger.recv(1) == b"", "who never ends a request is sent away"
        still_works(page, tmp_path, 3)


def test_streams_are_bounded_and_end_with_their_readers(page: Page):
    with contextlib.ExitStack() as opened:
        for _ in range(64):
            stream = opened.enter_context(page.stream())
            assert stream.recv(12) == b"HTTP/1.1 200"
        with page.stream() as refused:
            assert refused.recv(12) == b"HTTP/1.1 503"
    wait_until(lambda: first_line(page) == b"HTTP/1.1 200", what="room for another one")


def test_ten_thousand_requests(page: Page, tmp_path: Path):
    """Most of them with a wrong token; some ask for all that the page asks for."""
    paths = ("/", "/?token=guess", "/api/now", "/api/jobs?text=a", "/static/js/main.js", "/x" * 2000, "/api/stream")

    def attack(number: int) -> list[bytes]:
        """The statuses of BATCH requests that come at once on one connection."""
        requests = []
        for n in range(number, number + BATCH):
            path = paths[n % len(paths)]
            token = page.token if n % 10 == 0 and path != "/api/stream" else "guess"
            last = "Connection: close\r\n" if n == number + BATCH - 1 else ""
            requests.append(f"GET {path} HTTP/1.1\r\nHost: {page.host}\r\nAuthorization: Bearer {token}\r\n{last}\r\n")
        with socket.create_connection((LOOPBACK, page.port), timeout=60) as connection:
            connection.sendall("".join(requests).encode())
            with connection.makefile("rb") as answers:
                return STATUS.findall(answers.read())

    with ThreadPoolExecutor(8) as attackers:
        running = [attackers.submit(attack, number) for number in range(0, REQUESTS, BATCH)]
        still_works(page, tmp_path, 2)
        seen = Counter(status for each in running for status in each.result())
    assert sum(seen.values()) == REQUESTS
    assert set(seen) <= {b"200", b"401", b"404", b"503"}, seen
    assert seen[b"401"] > REQUESTS / 2
    wait_until(lambda: counts(page) == 2, what="an answer afterwards")
    assert memory_of(page) < MEMORY
    assert page.daemon is not None
    assert len(page.daemon.said) < 4096, "strangers write no log"


def test_the_broker_is_asked_only_while_somebody_looks(page: Page, fleet: Fleet):
    def connections() -> int:
        assert page.daemon is not None
        found = psutil.Process(page.daemon.pid).net_connections("tcp")
        return sum(1 for one in found if one.raddr and one.raddr.port == fleet.frontend)

    assert connections() == 0
    with page.stream() as stream:
        wait_until(lambda: connections() == 1, what="a connection to the broker")
        head = b""
        while b'"answers": true' not in head:
            head += stream.recv(65536)
        asked = fleet.processes.run("status", "--json", "--frontend-port", fleet.frontend)[1]
        assert json.loads(asked)["clients"] == 1, "the listener; who only looks does not count"
    wait_until(lambda: connections() == 0, what="its end")


@pytest.mark.parametrize("taken", [True, False])
def test_up_goes_on_without_a_page_when_its_port_is_taken(processes, tmp_path: Path, taken: bool):
    (tmp_path / "in").mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", tmp_path / "in")
    frontend, backend = free_ports()
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        if not taken:
            other.close()
        code, said = processes.run(
            *("up", "--source", tmp_path / "in", "--output", tmp_path / "out", "--once", "--settle", 0),
            *("--frontend-port", frontend, "--backend-port", backend, "--dashboard", f"{LOOPBACK}:{port}"),
        )
    assert code == 0, said
    assert (f"The dashboard cannot listen at {LOOPBACK}:{port}" in said) is taken
    assert ("?token=" in said) is not taken
    assert "1 images done, 0 failed." in said
