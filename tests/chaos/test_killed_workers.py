"""SIGKILL to random workers while they work: nothing is lost, nothing is done twice in the ledger."""

from __future__ import annotations

import contextlib
import random
import time

import psutil

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import Daemon, check_ledger, check_outputs, output_files

PAUSE = 0.3  # seconds between kills


def kill_workers_until_it_ends(up: Daemon, rng: random.Random, patience: float) -> int:
    """How many were killed."""
    kills = 0
    deadline = time.monotonic() + patience
    while up.alive:
        assert time.monotonic() < deadline, up.said[-2000:]
        workers = up.worker_processes()
        if workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                rng.choice(workers).kill()
                kills += 1
        time.sleep(PAUSE)
    return kills


def test_killing_a_random_worker_every_300_ms(processes, photographs, expected, tmp_path):
    source, output = photographs(60, 1200, 2000), tmp_path / "out"
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    options = ("--once", "--workers", 2, "--settle", "0.2")

    up = processes.start("up", "--source", source, "--output", output, *ports, *options)
    kills = kill_workers_until_it_ends(up, random.Random(1), patience=120)

    assert up.wait() == 0, up.said
    assert kills >= 10
    assert len(output_files(output)) == 180
    check_outputs(output, expected(source))
    check_ledger(output, 60)
