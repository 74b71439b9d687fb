"""Servers that stop, refuse, fail and crawl in the middle of the work, which goes on by itself when that has passed."""

from __future__ import annotations

import time

import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.faults import Answer, Cut, FaultProxy, Mode, Pass, Refuse, Slow, Stall
from tests.cloud.scenarios.rig import MakeWork, Work, check_clean
from tests.integration.harness import Daemon, wait_until

FEW, SOME = 5, 8  # images before any trouble, and those that come just before each
LONG, SHORT = 30.0, 3.0  # seconds
RATE = 100_000  # bytes a second: what is sent takes long, and still comes
AFTER = 4_000  # bytes; less than most outputs have


def upload_some(work: Work, listener: Daemon, images: dict[str, bytes]) -> dict[str, bytes]:
    """Put the next images there; returns when the first of them is done."""
    there = work.source.names()
    some = dict([(path, data) for path, data in images.items() if path not in there][:SOME])
    work.source.put_all(some)
    work.wait_for(len(there) + 1, listener)
    return some


def check_end(work: Work, listener: Daemon, expected: dict[str, bytes]) -> None:
    listener.terminate()
    assert listener.wait() == 0, listener.said
    assert work.rows("SELECT path, reason FROM objects WHERE state = 'failed'") == []
    work.check_outputs({path: data for path, data in expected.items() if path in work.outputs()})
    assert len(work.outputs()) == 3 * len(work.source.names())
    check_clean(listener)


def complaints(listener: Daemon, since: int = 0) -> list[str]:
    return [line for line in listener.said[since:].splitlines() if "[error" in line]


@pytest.mark.slow
def test_a_server_that_was_away_for_half_a_minute_is_waited_for(
    start_server: StartServer, make_work: MakeWork, images: dict[str, bytes], expected: dict[str, bytes]
) -> None:
    server = start_server("seaweed")
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    work.source.put_all(dict(list(images.items())[:FEW]))
    listener = work.listen("--transfers", 1)
    work.wait_for(FEW, listener)
    upload_some(work, listener, images)
    server.stop()
    time.sleep(LONG)
    server.start()
    work.wait_for(FEW + SOME, listener)
    assert any("the server cannot be reached" in line for line in complaints(listener)), complaints(listener)
    check_end(work, listener, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "troubles"),
    [
        ("seaweed", {Answer(403): "access is denied", Stall(): ""}),
        ("webdav", {Answer(500): "reports an internal error", Slow(RATE): "", Cut(AFTER): "cannot be reached"}),
        ("sftp", {Refuse(): "the server cannot be reached"}),
    ],
)
def test_a_server_that_misbehaves_for_a_while_is_waited_for(
    kind: str,
    troubles: dict[Mode, str],
    start_server: StartServer,
    make_work: MakeWork,
    images: dict[str, bytes],
    expected: dict[str, bytes],
) -> None:
    server = start_server(kind)
    work = make_work(server.root / "in", server.root / "out")
    work.source.put_all(dict(list(images.items())[:FEW]))
    with FaultProxy(server.port) as proxy:
        work.configure(server, through={kind: proxy})
        listener = work.listen("--transfers", 1)
        work.wait_for(FEW, listener)
        for mode, sentence in troubles.items():
            upload_some(work, listener, images)
            said = len(listener.said)
            proxy.set_mode(mode)
            wait_until(lambda: isinstance(mode, Refuse) or proxy.counts.get(type(mode)), 20, "the trouble")  # noqa: B023
            time.sleep(SHORT)
            proxy.set_mode(Pass())
            work.wait_for(len(work.source.names()), listener)
            told = complaints(listener, said)
            assert any(sentence in line for line in told) if sentence else not told, (mode, told)
        check_end(work, listener, expected)
