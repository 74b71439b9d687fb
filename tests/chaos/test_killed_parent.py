"""No process of a fleet outlives the process that started it."""

from __future__ import annotations

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import Fleet, count_done, is_running, wait_until


@pytest.mark.parametrize("once", [("--once",), pytest.param((), marks=pytest.mark.slow)])
def test_no_process_survives_the_death_of_up(processes, photographs, tmp_path, once):
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    source, output = photographs(60, 1200, 2000), tmp_path / "out"
    up = processes.start("up", "--source", source, "--output", output, *ports, "--settle", 0.1, *once)
    wait_until(lambda: count_done(output) > 0, what="work")
    children = up.descendants()
    assert len(children) >= 4
    up.kill()
    wait_until(lambda: not any(is_running(child) for child in children), patience=5, what="their end")


@pytest.mark.slow
def test_no_worker_process_survives_the_death_of_its_daemon(fleet: Fleet):
    fleet.start_broker()
    daemon = fleet.start_worker("--processes", 2)
    fleet.wait_for_workers(2)
    children = daemon.descendants()
    assert len(children) >= 2
    daemon.kill()
    wait_until(lambda: not any(is_running(child) for child in children), patience=5, what="their end")
