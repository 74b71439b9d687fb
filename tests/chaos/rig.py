"""A batch that is under way, and what its results must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.harness import Daemon, Fleet, check_ledger, check_outputs, count_done, wait_until

IMAGES = 60
Expected = Callable[[Path], dict[str, bytes]]


def start_listener(fleet: Fleet, source: Path, output: Path, *options: object) -> Daemon:
    return fleet.start_listener(source, output, "--once", "--settle", 0.1, *options)


def wait_for_progress(listener: Daemon, output: Path, images: int) -> bool:
    """Waits until `images` more are done. Returns False if the listener has ended before."""
    goal = count_done(output) + images
    wait_until(lambda: count_done(output) >= goal or not listener.alive, 60, "progress")
    return listener.alive


def check_everything(listener: Daemon, source: Path, output: Path, expected: Expected) -> None:
    assert listener.wait(120) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)
