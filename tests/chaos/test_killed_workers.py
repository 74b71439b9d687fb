"""SIGKILL to workers in the middle of their work: nothing is lost, and the ledger records nothing twice."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from pathlib import Path

import psutil

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import (
    Daemon,
    check_ledger,
    check_outputs,
    count_done,
    ledger_rows,
    output_files,
    wait_until,
)

LONGEST = 0.1  # seconds that a worker goes on after its first image


def have_finished_an_image(up: Daemon, output: Path) -> list[psutil.Process]:
    """The worker processes that have finished an image since they started.

    Only these are killed, so that every kill costs one image at least: if workers were killed by the clock, a machine
    that takes longer to start one than the clock allows would never get anything done.
    """
    names = {name for (name,) in ledger_rows(output, "SELECT DISTINCT worker FROM results")}
    return [worker for worker in up.worker_processes() if f"{socket.gethostname()}/{worker.pid}" in names]


def kill_workers_until_it_ends(up: Daemon, output: Path, rng: random.Random, patience: float) -> int:
    """Returns the number of kills."""
    kills = 0
    deadline = time.monotonic() + patience
    while up.alive:
        assert time.monotonic() < deadline, up.said[-2000:]
        if workers := have_finished_an_image(up, output):
            time.sleep(rng.uniform(0, LONGEST))
            with contextlib.suppress(psutil.NoSuchProcess):
                rng.choice(workers).kill()
                kills += 1
        time.sleep(0.02)
    return kills


def test_killing_workers_again_and_again_while_they_work(processes, photographs, expected, tmp_path):
    source, output = photographs(60, 1200, 2000), tmp_path / "out"
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    options = ("--once", "--workers", 2, "--settle", "0.2")

    up = processes.start("up", "--source", source, "--output", output, *ports, *options)
    wait_until(lambda: count_done(output) or not up.alive, patience=60, what="the first image")
    kills = kill_workers_until_it_ends(up, output, random.Random(1), patience=120)

    assert up.wait() == 0, up.said
    assert kills >= 10
    assert len(output_files(output)) == 180
    check_outputs(output, expected(source))
    check_ledger(output, 60)
