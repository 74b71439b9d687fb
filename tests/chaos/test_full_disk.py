"""No space left at the output: the fleet waits, loses nothing, and goes on by itself when there is space."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cable import needs_root
from tests.integration.harness import (
    Daemon,
    Fleet,
    check_ledger,
    check_outputs,
    count_done,
    free_ports,
    wait_until,
)

IMAGES = 20
SPACE = "4m"  # a third of what the outputs take

pytestmark = [pytest.mark.slow, needs_root]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={SPACE}", "filterfleet-test", disk)
    yield disk
    _run("umount", "--lazy", disk)


def grow(disk: Path) -> None:
    _run("mount", "-o", "remount,size=400m", disk)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def wait_for_trouble(daemon: Daemon, log: Path) -> None:
    wait_until(lambda: "No space left" in log.read_text() or not daemon.alive, 60, "a full disk")
    assert daemon.alive, daemon.said


@pytest.mark.parametrize("once", [("--once",), ()], ids=["once", "watching"])
def test_the_listener_waits_for_space(fleet: Fleet, photographs, expected, tmp_path, small_disk, once):
    """The ledger is on another disk."""
    source, output = photographs(IMAGES, 1200, 2000), small_disk / "out"
    fleet.start_broker()
    fleet.start_worker()
    state = tmp_path / "state"
    listener = fleet.start_listener(source, output, "--state", state, "--settle", 0.1, *once)
    wait_until(lambda: "No space left" in listener.said or not listener.alive, 60, "a full disk")
    with pytest.raises(AssertionError):
        wait_until(lambda: not listener.alive, 5)
    grow(small_disk)
    if once:
        assert listener.wait(120) == 0, listener.said
    else:
        wait_until(lambda: _done(state) == IMAGES, 120, "the end of the work")
        listener.terminate()
        assert listener.wait() == 0
    check_outputs(output, expected(source))
