"""The servers and the proxy on which the other tests are built."""

import contextlib
import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.cloud.conftest import StartServer
from tests.cloud.faults import Answer, Cut, FaultProxy, Hold, Pass, Refuse, Slow, Stall
from tests.cloud.servers import KINDS, LOOPBACK, PASSWORD, write_config
from tests.integration.harness import wait_until

AWKWARD = "a folder/100% & é 'x' #1.bin"
LONG_AGO = 1_000_000_000  # an mtime, in seconds


def rclone(config: Path, *arguments: str, data: bytes = b"") -> bytes:
    argv = [find_rclone(), f"--config={config}", "--retries=1", "--low-level-retries=1", *arguments]
    return subprocess.run(argv, input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("kind", [*KINDS, pytest.param("seaweed", marks=pytest.mark.slow)])
def test_a_server_is_an_rclone_remote_whose_files_we_can_see_and_change(
    kind: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(kind)
    config = write_config(tmp_path / "rclone.conf", {kind: server.section()})
    place = server.root / "in"
    place.put_all({"1.bin": b"1", "sub/2.bin": b"2", AWKWARD: b"old"})
    place.put(AWKWARD, b"new!")
    place.rename("sub/2.bin", "sub/3.bin")
    place.delete("1.bin")

    def listed() -> list[str]:
        return sorted(rclone(config, "lsf", "-R", "--files-only", place.fs).decode().splitlines())

    wait_until(lambda: listed() == sorted(["sub/3.bin", AWKWARD]), what="what was done behind its back")
    assert rclone(config, "cat", f"{place.fs}/{AWKWARD}") == b"new!"
    rclone(config, "rcat", f"{server.root.fs}/out/4.bin", data=b"4444")
    assert (server.root / "out").files() == {"4.bin": b"4444"}
    assert (server.root / "in").files() == {"sub/3.bin": b"2", AWKWARD: b"new!"}
    assert (server.root / "nothing").files() == {}


@pytest.mark.parametrize("kind", [*KINDS, pytest.param("seaweed", marks=pytest.mark.slow)])
def test_a_stopped_server_comes_back_with_its_files_on_the_same_port(
    kind: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(kind)
    config = write_config(tmp_path / "rclone.conf", {kind: server.section()})
    server.root.put("kept", b"kept")
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, server.port))
    server.start()
    assert rclone(config, "cat", f"{server.root.fs}/kept") == b"kept"
    write_config(config, {kind: server.section(password=PASSWORD + "x")})
    with pytest.raises(subprocess.CalledProcessError):
        rclone(config, "cat", f"{server.root.fs}/kept")


@pytest.mark.slow
def test_seaweedfs_has_its_own_times_and_sees_nothing_of_an_upload_that_is_cut(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server("seaweed")
    old = tmp_path / "old"
    old.write_bytes(b"old")
    os.utime(old, (LONG_AGO, LONG_AGO))
    with FaultProxy(server.port) as proxy:
        config = write_config(tmp_path / "rclone.conf", {server.kind: server.section(proxy.port)})
        rclone(config, "copyto", str(old), f"{server.root.fs}/old")
        times = rclone(config, "lsf", "--use-server-modtime", "--format=t", "--time-format=unix", server.root.fs)
        assert abs(float(times) - time.time()) < 60
        proxy.set_mode(Cut(100_000))
        with pytest.raises(subprocess.CalledProcessError):
            rclone(config, "rcat", "--size=300000", f"{server.root.fs}/cut", data=bytes(300_000))
    assert proxy.counts[Cut] > 0
    assert server.root.names() == ["old"]


# --- the proxy ----

BODY = bytes(range(256)) * 800  # 200 kB


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(BODY)

    def do_PUT(self) -> None:
        self.answer(str(len(self.rfile.read(int(self.headers["Content-Length"])))).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    """Its port."""
    web = ThreadingHTTPServer((LOOPBACK, 0), Web)
    web.handle_error = lambda *_: None  # connections are reset here
    serving = threading.Thread(target=web.serve_forever, args=(0.02,))
    serving.start()
    try:
        yield web.server_port
    finally:
        web.shutdown()
        serving.join()
        web.server_close()


@pytest.fixture
def proxy(web: int) -> Iterator[FaultProxy]:
    with FaultProxy(web) as proxy:
        yield proxy


def ask(proxy: FaultProxy, body: bytes | None = None, timeout: float = 10) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=timeout)
    try:
        connection.request("GET" if body is None else "PUT", "/", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_what_passes_is_unharmed(proxy: FaultProxy) -> None:
    assert ask(proxy) == (200, BODY)
    assert ask(proxy, BODY) == (200, str(len(BODY)).encode())


@pytest.mark.parametrize("status", [403, 500, 503])
def test_the_proxy_answers_instead_of_the_server_even_to_large_requests(proxy: FaultProxy, status: int) -> None:
    proxy.set_mode(Answer(status))
    assert ask(proxy) == (status, b"")
    assert ask(proxy, BODY * 20) == (status, b"")
    assert proxy.counts == {Answer: 2}
    proxy.set_mode(Pass())
    assert ask(proxy) == (200, BODY)


def test_refused_connections_are_refused_and_old_ones_reset(proxy: FaultProxy) -> None:
    old = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=10)
    old.request("GET", "/")
    assert old.getresponse().read() == BODY
    proxy.set_mode(Refuse())
    with pytest.raises(ConnectionError):
        old.sock.recv(1)
    old.close()
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.set_mode(Pass())
    assert ask(proxy) == (200, BODY)


def test_slow_is_as_slow_as_it_says_and_can_be_ended(proxy: FaultProxy) -> None:
    proxy.set_mode(Slow(400_000))
    began = time.monotonic()
    assert ask(proxy) == (200, BODY)
    assert 0.4 < time.monotonic() - began < 3
    proxy.set_mode(Slow(1))
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(proxy)))
    asking.start()
    wait_until(lambda: proxy.counts[Slow] > 14, what="a request on its slow way")
    proxy.set_mode(Pass())
    asking.join(10)
    assert answers == [(200, BODY)]


def test_nothing_moves_in_a_stall_and_everything_after_it(proxy: FaultProxy) -> None:
    proxy.set_mode(Stall())
    with pytest.raises(TimeoutError):
        ask(proxy, timeout=0.2)
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(proxy)))
    asking.start()
    wait_until(lambda: proxy.counts.get(Stall, 0) > 1, what="a request that stands")
    assert not answers
    proxy.set_mode(Pass())
    asking.join(10)
    assert answers == [(200, BODY)]


def test_a_cut_lets_that_much_through_and_no_more(proxy: FaultProxy) -> None:
    proxy.set_mode(Cut(100_000))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask(proxy)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(proxy, BODY)
    assert proxy.counts[Cut] == 2
    proxy.set_mode(Cut(10_000_000))
    assert ask(proxy) == (200, BODY)


def test_a_connection_is_held_in_the_middle_and_then_goes_on(proxy: FaultProxy) -> None:
    proxy.set_mode(Hold(100_000))
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(proxy)))
    asking.start()
    wait_until(lambda: proxy.counts.get(Hold), what="a connection that is held")
    assert not answers
    proxy.set_mode(Pass())
    asking.join(10)
    assert answers == [(200, BODY)]


def test_the_proxy_ends_with_connections_in_every_state(web: int) -> None:
    with contextlib.ExitStack() as stack:
        with FaultProxy(web) as proxy:
            proxy.set_mode(Stall())
            connection = stack.enter_context(socket.create_connection((LOOPBACK, proxy.port), timeout=10))
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wait_until(lambda: proxy.counts.get(Stall, 0) > 0, what="a request that stands")
        with pytest.raises(ConnectionError):
            connection.recv(1)
