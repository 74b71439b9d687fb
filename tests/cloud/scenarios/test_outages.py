"""Servers that stop, refuse, fail or crawl in the middle of the work, which resumes by itself afterwards."""

from __future__ import annotations

import time

import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.faults import Answer, Cut, FaultProxy, Mode, Pass, Refuse, Slow, Stall
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean
from tests.integration.harness import Daemon, wait_until

FEW, SOME = 5, 8  # images before any trouble, and those that arrive just before each
LONG, SHORT = 12.0, 3.0  # seconds that a trouble lasts at least
RATE = 100_000  # bytes a second: transfers take long, but arrive
AFTER = 4_000  # bytes; less than most outputs have


def upload_some(work: Work, listener: Daemon, images: dict[str, bytes]) -> dict[str, bytes]:
    """Put the next images into the source. Returns when the first of them is done."""
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


def endure(listener: Daemon, since: int, seconds: float, sentence: str) -> None:
    """Let a trouble last this long and, if the listener is to complain about it, until it has."""
    time.sleep(seconds)
    if sentence:
        wait_until(lambda: any(sentence in line for line in complaints(listener, since)), PATIENCE, sentence)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_was_away_is_waited_for(
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
    endure(listener, 0, LONG, "the server cannot be reached")
    server.start()
    work.wait_for(FEW + SOME, listener)
    check_end(work, listener, expected)


@pytest.mark.slow
@pytest.mark.timeout(600)
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
            wait_until(lambda: isinstance(mode, Refuse) or proxy.counts.get(type(mode)), PATIENCE, "the trouble")  # noqa: B023
            endure(listener, said, SHORT, sentence)
            proxy.set_mode(Pass())
            work.wait_for(len(work.source.names()), listener)
            if not sentence:
                assert not complaints(listener, said), mode
        check_end(work, listener, expected)
