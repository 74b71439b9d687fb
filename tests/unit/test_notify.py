"""sd_notify(3) as a real socket hears it."""

import os
import socket

import pytest

from filterfleet.common.process.notify import Notifier


@pytest.fixture
def short(tmp_path):
    """A name of the test's folder that is short enough for the path of a socket, within this process."""
    folder = os.open(tmp_path, os.O_RDONLY)
    yield f"/proc/self/fd/{folder}"
    os.close(folder)


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, short, monkeypatch):
    """A socket that hears what our Notifier says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"{short}/notify" if request.param == "path" else f"@filterfleet-{os.getpid()}-{id(request)}"
        listener.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        yield listener


def heard(listener):
    found = []
    while True:
        try:
            found.append(listener.recv(4096))
        except BlockingIOError:
            return found


def test_ready_and_stopping_are_said(supervisor):
    notifier = Notifier()
    notifier.ready()
    notifier.alive()  # nobody asked for a watchdog
    notifier.stopping()
    assert heard(supervisor) == [b"READY=1", b"STOPPING=1"]


def test_the_status_is_said_when_it_changes_and_not_too_often(supervisor, monkeypatch):
    notifier, now = Notifier(), [1000.0]
    monkeypatch.setattr("filterfleet.common.process.notify.time.monotonic", lambda: now[0])
    for words, later in (("a", 0.0), ("b", 0.1), ("b", 1.0), ("b", 1.0), ("c\nREADY=1 \x1b", 1.0)):
        now[0] += later
        notifier.status(lambda: words)  # noqa: B023
    assert heard(supervisor) == [b"STATUS=a", b"STATUS=b", b"STATUS=c READY=1 \\x1b"]


def test_the_watchdog_is_fed_as_often_as_needed_and_no_more(supervisor, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", str(3600 * 10**6))
    notifier = Notifier()
    for _ in range(100):
        notifier.alive()
    assert heard(supervisor) == [b"WATCHDOG=1"]
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    notifier = Notifier()
    notifier.alive()
    notifier.alive()
    assert heard(supervisor) == [b"WATCHDOG=1"] * 2


def test_nobody_listening_does_no_harm(monkeypatch, tmp_path):
    for address in (None, "", str(tmp_path / "gone"), "x" * 200):
        if address is None:
            monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
        else:
            monkeypatch.setenv("NOTIFY_SOCKET", address)
        Notifier().ready()


def test_a_supervisor_that_does_not_listen_never_blocks_us(supervisor):
    notifier = Notifier()
    for _ in range(10_000):  # far more than its queue takes
        notifier.ready()
    assert 0 < len(heard(supervisor)) < 10_000
