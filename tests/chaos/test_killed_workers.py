"""SIGKILL to workers in the middle of their work: nothing is lost, and the ledger records nothing twice."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import psutil

from filterfleet.common.client.client import Client
from tests.chaos.rig import IMAGES
from tests.integration.harness import (
    Daemon,
    Fleet,
    check_ledger,
    check_outputs,
    count_done,
    ledger_rows,
    output_files,
    wait_until,
)

LONGEST = 0.1  # seconds that a worker goes on after its first image, at most


def victims(client: Client, up: Daemon, output: Path) -> list[psutil.Process]:
    """The worker processes that have finished an image since they started, and hold two more or three.

    The first condition makes every life bring the batch on, however long a machine takes to start a worker. The second
    spares trials: an image that runs alone counts as poison when its workers die, unless others die at the same time.
    """
    finished = {name for (name,) in ledger_rows(output, "SELECT DISTINCT worker FROM results")}
    busy = {worker["host"] for worker in client.status().result(10)["workers"] if worker["leases"] > 1}
    pids = {int(name.rpartition("/")[2]) for name in finished & busy}
    return [process for process in up.worker_processes() if process.pid in pids]


def kill_workers_until_it_ends(up: Daemon, fleet: Fleet, output: Path, patience: float) -> int:
    """Returns the number of kills."""
    rng = random.Random(1)
    kills = 0
    deadline = time.monotonic() + patience
    with fleet.client() as client:
        while count_done(output) < IMAGES and up.alive:
            assert time.monotonic() < deadline, up.said[-2000:]
            if victims(client, up, output):
                time.sleep(rng.uniform(0, LONGEST))
            if found := victims(client, up, output):
                with contextlib.suppress(psutil.NoSuchProcess):
                    rng.choice(found).kill()
                    kills += 1
            time.sleep(0.02)
    return kills


def test_killing_workers_again_and_again_while_they_work(fleet: Fleet, photographs, expected, tmp_path):
    source, output = photographs(IMAGES, 1200, 2000), tmp_path / "out"
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    options = ("--once", "--workers", 2, "--settle", "0.2")

    up = fleet.processes.start("up", "--source", source, "--output", output, *ports, *options)
    wait_until(lambda: count_done(output) or not up.alive, patience=60, what="the first image")
    kills = kill_workers_until_it_ends(up, fleet, output, patience=120)

    assert up.wait() == 0, up.said
    assert kills >= 3  # results are recorded in groups, so a quick machine ends a batch in few of them
    assert len(output_files(output)) == 3 * IMAGES
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)
