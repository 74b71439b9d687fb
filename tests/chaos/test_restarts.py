"""Daemons started by hand, killed or frozen in mid-run, and started again: the end is always the same."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.harness import (
    Daemon,
    Fleet,
    check_ledger,
    check_outputs,
    count_done,
    is_running,
    wait_until,
)

IMAGES = 60
Expected = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def source(photographs) -> Path:
    return photographs(IMAGES, 1200, 2000)


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "out"


def start_listener(fleet: Fleet, source: Path, output: Path) -> Daemon:
    return fleet.start_listener(source, output, "--once", "--settle", 0.1)


def wait_for_progress(listener: Daemon, output: Path, images: int) -> bool:
    """Until so many more are done; False when the listener has ended before."""
    goal = count_done(output) + images
    wait_until(lambda: count_done(output) >= goal or not listener.alive, 60, "progress")
    return listener.alive


def check_everything(
    listener: Daemon, source: Path, output: Path, expected: Callable[[Path], dict[str, bytes]]
) -> None:
    assert listener.wait(120) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, 6])
def test_the_broker_is_killed_and_restarted_on_the_same_ports(fleet: Fleet, source, output, expected, times):
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    other = fleet.start_worker()
    listener = start_listener(fleet, source, output)
    for _ in range(times):
        assert wait_for_progress(listener, output, IMAGES // 10)
        broker.kill()
        broker = fleet.start_broker()
    check_everything(listener, source, output, expected)
    assert worker.alive
    assert other.alive


@pytest.mark.slow
def test_the_broker_is_away_for_longer_than_anybody_waits(fleet: Fleet, source, output, expected):
    broker = fleet.start_broker()
    workers = [fleet.start_worker(), fleet.start_worker()]
    listener = start_listener(fleet, source, output)
    assert wait_for_progress(listener, output, 10)
    broker.kill()
    with pytest.raises(AssertionError):
        wait_until(lambda: not listener.alive, patience=8)  # four missed heartbeats, and then some
    fleet.start_broker()
    check_everything(listener, source, output, expected)
    assert all(worker.alive for worker in workers)


@pytest.mark.slow
@pytest.mark.parametrize("times", [3, 10])
def test_the_listener_is_killed_and_restarted(fleet: Fleet, source, output, expected, times):
    fleet.start_broker()
    fleet.start_worker(threads=2)
    for _ in range(times):
        listener = start_listener(fleet, source, output)
        assert wait_for_progress(listener, output, IMAGES // 15)
        listener.kill()
    check_everything(start_listener(fleet, source, output), source, output, expected)


@pytest.mark.slow
def test_everything_is_killed_in_turn(fleet: Fleet, source, output, expected):
    broker, worker = fleet.start_broker(), fleet.start_worker(threads=2)
    listener = start_listener(fleet, source, output)
    for turn in range(9):
        assert wait_for_progress(listener, output, 4)
        match turn % 3:
            case 0:
                broker.kill()
                broker = fleet.start_broker()
            case 1:
                children = worker.descendants()
                worker.kill()
                wait_until(lambda children=children: not any(is_running(child) for child in children), what="the end")
                worker = fleet.start_worker(threads=2)
            case 2:
                listener.kill()
                listener = start_listener(fleet, source, output)
    check_everything(listener, source, output, expected)


@pytest.mark.slow
def test_a_worker_is_frozen_in_mid_run(fleet: Fleet, source, output, expected):
    """Long enough to be declared dead; what it had is done elsewhere, what it says later is stale."""
    fleet.start_broker()
    frozen, _ = fleet.start_worker(), fleet.start_worker()
    fleet.wait_for_workers(2)
    listener = start_listener(fleet, source, output)
    assert wait_for_progress(listener, output, 5)
    (process,) = frozen.worker_processes()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: fleet.status()["counters"].get("workers_lost"), what="its death")
    process.send_signal(signal.SIGCONT)
    check_everything(listener, source, output, expected)
    fleet.wait_for_workers(2)
    assert process.is_running()


@pytest.mark.slow
def test_the_broker_is_frozen_in_mid_run(fleet: Fleet, source, output, expected):
    broker = fleet.start_broker()
    fleet.start_worker()
    listener = start_listener(fleet, source, output)
    assert wait_for_progress(listener, output, 10)
    broker.process.send_signal(signal.SIGSTOP)
    with pytest.raises(AssertionError):
        wait_until(lambda: not listener.alive, patience=6)
    broker.process.send_signal(signal.SIGCONT)
    check_everything(listener, source, output, expected)
