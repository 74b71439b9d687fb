"""SIGKILL to workers in the middle of their work: nothing is lost, and the ledger records nothing twice."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import psutil

from filterfleet.common.client.client import Client
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

KILLS = 10
BATCH = 30  # photographs
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


class Feed:
    """Puts photographs into a source, a folder of them at once: a disk may be slower than the workers, and one by one
    they would never have several to do. Each batch repeats the same photographs under other names, with a comment that
    makes every file different (ITU-T T.81, B.2.4.5)."""

    def __init__(self, photographs: Path, source: Path) -> None:
        self._photographs = sorted(photographs.rglob("*.jpg"))
        self._source = source
        self._batches = 0

    @property
    def images(self) -> int:
        return self._batches * len(self._photographs)

    def put(self, batches: int = 1) -> None:
        aside = self._source.with_name("aside")
        aside.mkdir()
        for _ in range(batches):
            comment = b"\xff\xfe\x00\x06%04d" % self._batches
            for photograph in self._photographs:
                jpeg = photograph.read_bytes()
                (aside / f"{self._batches}-{photograph.name}").write_bytes(jpeg[:2] + comment + jpeg[2:])
            self._batches += 1
        aside.rename(self._source / f"until-{self._batches}")


def kill_workers(up: Daemon, fleet: Fleet, output: Path, feed: Feed, patience: float) -> None:
    """KILLS times, however fast the machine is: as long as the workers are done before one is killed, they get more."""
    rng = random.Random(1)
    kills = 0
    batches = 1
    deadline = time.monotonic() + patience
    with fleet.client() as client:
        while kills < KILLS:
            assert up.alive, up.said[-2000:]
            assert time.monotonic() < deadline, f"{kills} kills: {up.said[-2000:]}"
            if feed.images - count_done(output) < BATCH / 2:
                feed.put(batches)
                batches *= 2
            if victims(client, up, output):
                time.sleep(rng.uniform(0, LONGEST))
            if found := victims(client, up, output):
                with contextlib.suppress(psutil.NoSuchProcess):
                    rng.choice(found).kill()
                    kills += 1
                    batches = 1
            time.sleep(0.02)


def test_killing_workers_again_and_again_while_they_work(fleet: Fleet, photographs, expected, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    feed = Feed(photographs(BATCH, 1200, 2000), source)
    feed.put()
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    options = ("--workers", 2, "--settle", "0.1", "--interval", "0.5")

    up = fleet.processes.start("up", "--source", source, "--output", output, *ports, *options)
    wait_until(lambda: count_done(output) or not up.alive, patience=60, what="the first image")
    kill_workers(up, fleet, output, feed, patience=120)
    wait_until(lambda: count_done(output) == feed.images or not up.alive, patience=120, what="the last image")

    up.terminate()
    assert up.wait() == 0, up.said
    assert len(output_files(output)) == 3 * feed.images
    check_outputs(output, expected(source))
    check_ledger(output, feed.images)
