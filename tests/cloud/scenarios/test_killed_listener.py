"""The listener killed twenty times, in the middle of everything it does."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psutil
import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.faults import FaultProxy, Pass, Slow
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean
from tests.integration.harness import Daemon, is_running, wait_until

KILLS = 20
RATE = 1_000_000  # bytes a second that leave, so that transfers take a while
LATER = 0.15  # seconds at most between the awaited phase and the kill


def files_in(work: Work, spool: str) -> bool:
    folder = work.state / "spool" / spool
    return folder.exists() and any(folder.iterdir())


def scanning(work: Work, daemon: Daemon) -> bool:
    return any("lsjson" in _words(child) for child in daemon.descendants())


def downloading(work: Work, daemon: Daemon) -> bool:
    return files_in(work, "in")


def submitting(work: Work, daemon: Daemon) -> bool:
    """The fleet has such an image for some milliseconds, so that it is asked again and again."""
    deadline = time.monotonic() + 1.0
    with work.fleet.client() as client:
        while time.monotonic() < deadline:
            status = client.status().result(10)
            if status["waiting"] or status["running"]:
                return True
    return False


def uploading(work: Work, daemon: Daemon) -> bool:
    return files_in(work, "out")


def _words(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except psutil.Error:
        return []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_end_is_the_same_after_twenty_kills(
    start_server: StartServer, make_work: MakeWork, images: dict[str, bytes], expected: dict[str, bytes]
) -> None:
    rng = random.Random(5)
    phases: list[Callable[[Work, Daemon], bool]] = [scanning, downloading, submitting, uploading] * (KILLS // 4)
    rng.shuffle(phases)
    source, output = start_server("sftp"), start_server("webdav")
    work = make_work(source.root / "in", output.root / "out")
    work.source.put_all(images)
    moments: dict[int, str] = {}  # phases by the number of images that were done
    # Images come as quickly as their outputs go, so that every phase is seen until the end.
    arriving = RATE * sum(map(len, images.values())) / sum(map(len, expected.values()))
    with FaultProxy(source.port) as before, FaultProxy(output.port) as behind:
        work.configure(source, output, through={source.kind: before, output.kind: behind})
        before.set_mode(Slow(arriving))
        behind.set_mode(Slow(RATE))
        for phase in phases:
            listener = work.listen("--settle", 0, "--transfers", 1)
            goal = work.done() + (0 if phase is scanning else rng.randint(1, 4))
            wait_until(lambda: work.done() >= goal and phase(work, listener), PATIENCE, phase.__name__)  # noqa: B023
            moments[work.done()] = phase.__name__
            time.sleep(rng.uniform(0, LATER))  # any moment of the phase
            below = listener.descendants()
            assert listener.alive, listener.said
            listener.kill()
            check_clean(listener)
            wait_until(lambda: not any(map(is_running, below)), PATIENCE, "the end of its rclone")  # noqa: B023
        assert len(moments) > KILLS // 4, moments  # the work has made progress meanwhile
        assert work.done() < len(images)
        before.set_mode(Pass())
        behind.set_mode(Pass())
        listener = work.listen("--once")
        assert listener.wait(PATIENCE) == 0, listener.said
    work.check_outputs(expected)
    assert work.rows("SELECT state, count(*) FROM objects GROUP BY state") == [("done", len(images))]
    assert len(work.results()) == len(images)
    work.check_no_rclone()
