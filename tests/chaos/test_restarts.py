"""Daemons are killed or frozen in the middle of their work, and started again: the result is always the same."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.rig import IMAGES, check_everything, start_listener, wait_for_progress
from tests.integration.harness import Fleet, count_done, is_running, stays_true, wait_until


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, 6])
def test_the_broker_is_killed_and_restarted_on_the_same_ports(fleet: Fleet, source, output, expected, times):
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    other = fleet.start_worker()
    listener = start_listener(fleet, source, output)
    for _ in range(times):  # each time, more come with it: what both workers have made without a broker
        assert wait_for_progress(listener, output, 1)
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
    assert stays_true(lambda: listener.alive, 8), listener.said  # longer than four heartbeats take
    fleet.start_broker()
    check_everything(listener, source, output, expected)
    assert all(worker.alive for worker in workers)


@pytest.mark.slow
@pytest.mark.parametrize("times", [3, 10])
def test_the_listener_is_killed_and_restarted(fleet: Fleet, source, output, expected, times):
    fleet.start_broker()
    fleet.start_worker(threads=2)
    for _ in range(times):  # without --once: one that finds everything done stays until it is killed
        listener = fleet.start_listener(source, output, "--settle", 0.1)
        goal = min(count_done(output) + IMAGES // 15, IMAGES)
        wait_until(lambda goal=goal: count_done(output) >= goal, 60, "progress")
        listener.kill()
    check_everything(start_listener(fleet, source, output), source, output, expected)


@pytest.mark.slow
def test_everything_is_killed_in_turn(fleet: Fleet, source, output, expected):
    broker, worker = fleet.start_broker(), fleet.start_worker(threads=2)
    listener = start_listener(fleet, source, output)
    for turn in range(9):
        assert wait_for_progress(listener, output, 1)
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
    """It is frozen until it counts as dead. Other workers do its tasks, and its own late results are stale."""
    fleet.start_broker()
    frozen, _ = fleet.start_worker(), fleet.start_worker()
    fleet.wait_for_workers(2)
    listener = start_listener(fleet, source, output)
    assert wait_for_progress(listener, output, 5)
    (process,) = frozen.worker_processes()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: fleet.status()["counters"].get("workers_disconnected"), what="its silence")
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
    assert stays_true(lambda: listener.alive, 6), listener.said
    broker.process.send_signal(signal.SIGCONT)
    check_everything(listener, source, output, expected)
