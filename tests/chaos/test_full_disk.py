"""The output's disk is full: the fleet waits, loses nothing, and goes on by itself when there is space again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from filterfleet.listener.state import PRIVATE
from tests.chaos.cable import needs_root
from tests.integration.harness import (
    Fleet,
    Processes,
    check_ledger,
    check_outputs,
    count_done,
    output_files,
    stays_true,
    wait_until,
)

IMAGES = 20
FULL = "No space left on device"

pytestmark = [pytest.mark.slow, needs_root]


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system with room for a few of the images."""
    folder = tmp_path / "disk"
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=4m", "filterfleet-test", folder)
    yield folder
    _run("umount", "--lazy", folder)


def fill(disk: Path) -> None:
    """Uses up the last page."""
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def grow(disk: Path) -> None:
    _run("mount", "-o", "remount,size=400m", disk)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def test_a_listener_waits_for_space(fleet: Fleet, photographs, expected, tmp_path, disk):
    """The ledger is on another disk."""
    source, output = photographs(IMAGES, 1200, 2000), disk / "out"
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(source, output, "--state", tmp_path / "state", "--settle", 0.1, "--once")
    wait_until(lambda: FULL in listener.said or not listener.alive, 60, "a full disk")
    said = [*("--output", output, "--state", tmp_path / "state"), *("--frontend-port", fleet.frontend)]
    trouble = "Waiting: output cannot be written: no space left on device"
    wait_until(lambda: trouble in fleet.processes.run("status", *said)[1], what="the status")
    code, says = fleet.processes.run("health", "--role", "listener", "--state", tmp_path / "state")
    assert (code, trouble in says) == (1, True)
    before = {path: file.read_bytes() for path, file in output_files(output).items()}
    assert stays_true(lambda: listener.alive, 5), listener.said

    grow(disk)
    wait_until(lambda: "going on" in listener.said, 60, "the end of the trouble")
    assert listener.wait(120) == 0, listener.said
    assert trouble not in fleet.processes.run("status", *said)[1]
    all_expected = expected(source)
    assert all(all_expected[path] == content for path, content in before.items()), "half an output was visible"
    check_outputs(output, all_expected)


def test_a_whole_fleet_waits_for_space_that_its_ledger_lacks_too(
    processes: Processes, photographs, expected, tmp_path, disk
):
    """New images arrive while the ledger has no room for them, so that the listener can neither go on nor start."""
    source, output = tmp_path / "in", disk / "out"
    shutil.copytree(photographs(IMAGES, 1200, 2000), source)
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    up = processes.start("up", "--source", source, "--output", output, *ports, "--settle", 0.1, "--interval", 1)
    log = output / PRIVATE / "logs" / "listener.log"
    wait_until(lambda: (log.exists() and FULL in log.read_text()) or not up.alive, 60, "a full disk")
    fill(disk)
    tiny = sorted(photographs(40, 40, 60).rglob("*.jpg"))
    for number in range(400):  # more rows than fit into SQLite's last page
        (source / f"{number:03d}-{'x' * 200}.jpg").write_bytes(tiny[number % 40].read_bytes())
    wait_until(lambda: up.said.count("process died") > 2 or not up.alive, 60, "a ledger without space")
    assert up.alive, up.said

    (disk / "filler").unlink()
    grow(disk)
    wait_until(lambda: count_done(output) >= IMAGES + 400 or not up.alive, 150, "the end of the work")
    up.terminate()
    assert up.wait() == 0, up.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES + 400)
