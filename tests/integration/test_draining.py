"""Daemons that are asked to end: a worker finishes its tasks or hands them back, and no process is left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import (
    Fleet,
    Processes,
    check_ledger,
    check_outputs,
    count_done,
    is_running,
    wait_until,
)


@pytest.fixture
def source(photographs) -> Path:
    return photographs(60, 1200, 2000)


@pytest.mark.slow
def test_sigterm_lets_a_worker_finish_what_it_has(fleet: Fleet, photographs, expected, tmp_path):
    source = photographs(40, 800, 1200)
    fleet.start_broker()
    leaving = fleet.start_worker(threads=1)
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    wait_until(lambda: count_done(tmp_path / "out") >= 5, what="work")
    leaving.terminate()
    assert leaving.wait(20) == 0
    status = fleet.status()
    assert status["running"] == 0
    assert "workers_disconnected" not in status["counters"], "it announced its end and left nothing behind"

    fleet.start_worker(threads=2)
    assert listener.wait(60) == 0, listener.said
    check_outputs(tmp_path / "out", expected(source))
    check_ledger(tmp_path / "out", 40)
    counters = fleet.status()["counters"]
    assert counters["results"] == 40, "nothing was done twice"
    assert "stale_result" not in counters


def test_a_second_sigterm_hands_back_at_once(fleet: Fleet, photographs, tmp_path):
    """Each of these images takes seconds."""
    source = photographs(4, 9000, 9001)
    fleet.start_broker()
    leaving = fleet.start_worker(threads=2)
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    wait_until(lambda: fleet.status()["running"] == 4, what="four leases")
    leaving.terminate()
    wait_until(lambda: any(worker["draining"] for worker in fleet.status()["workers"]), what="draining")
    began = time.monotonic()
    leaving.terminate()
    assert leaving.wait(20) == 0
    assert time.monotonic() - began < 2
    wait_until(lambda: fleet.status()["running"] == 0, what="the tasks, handed back")
    status = fleet.status()
    assert "workers_disconnected" not in status["counters"], "it announced its end, so nobody had to miss it"
    assert status["waiting"] + count_done(tmp_path / "out") >= 3
    assert listener.alive


@pytest.mark.slow
@pytest.mark.parametrize("once", [("--once",), ()])
def test_sigterm_to_up_ends_every_process_of_it(processes: Processes, source, tmp_path, once):
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    up = processes.start("up", "--source", source, "--output", tmp_path / "out", *ports, "--settle", 0.1, *once)
    wait_until(lambda: count_done(tmp_path / "out") >= 3, what="work")
    children = up.descendants()
    assert len(children) >= 4
    up.terminate()
    assert up.wait(20) == (130 if once else 0)
    assert not any(is_running(child) for child in children)
    if once:
        assert "Interrupted: the same command goes on where this one stopped." in up.said


@pytest.mark.slow
def test_a_broker_that_is_stopped_ends_with_0(fleet: Fleet):
    broker = fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)
    broker.terminate()
    assert broker.wait(5) == 0
