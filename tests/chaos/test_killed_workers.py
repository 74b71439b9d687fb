"""SIGKILL to workers in the middle of their work: nothing is lost, and the ledger records nothing twice."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import psutil

from filterfleet.common.client.client import Client
from filterfleet.recipes import load_recipe
from tests.integration.harness import (
    Daemon,
    Fleet,
    check_ledger,
    check_outputs,
    count_done,
    expected_outputs,
    ledger_rows,
    wait_until,
)

KILLS = 10
BATCH = 30  # photographs
LONGEST = 0.1  # seconds that a worker goes on after its first image, at most
# The workers must be what is slow: were the listener or the disk slower, no worker would ever hold several tasks.
SLOW = """
[outputs.smooth]
steps = [{ filter = "nl_means" }]
"""


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
    """Puts photographs into a source, a folder of them at once. Each batch repeats the same photographs under other
    names, with a comment that makes every file different (ITU-T T.81, B.2.4.5)."""

    def __init__(self, photographs: Path, source: Path) -> None:
        self._photographs = sorted(photographs.rglob("*.jpg"))
        self._source = source
        self._batches = 0

    @property
    def images(self) -> int:
        return self._batches * len(self._photographs)

    def put(self) -> None:
        aside = self._source.with_name("aside")
        aside.mkdir()
        comment = b"\xff\xfe\x00\x06%04d" % self._batches
        for photograph in self._photographs:
            jpeg = photograph.read_bytes()
            (aside / photograph.name).write_bytes(jpeg[:2] + comment + jpeg[2:])
        aside.rename(self._source / f"batch-{self._batches}")
        self._batches += 1


def kill_workers(up: Daemon, fleet: Fleet, output: Path, feed: Feed, patience: float) -> None:
    """KILLS times. The workers get more as soon as half a batch is left."""
    rng = random.Random(1)
    kills = 0
    deadline = time.monotonic() + patience
    with fleet.client() as client:
        while kills < KILLS:
            assert up.alive, up.said[-2000:]
            assert time.monotonic() < deadline, f"{kills} kills: {up.said[-2000:]}"
            if feed.images - count_done(output) < BATCH / 2:
                feed.put()
            if victims(client, up, output):
                time.sleep(rng.uniform(0, LONGEST))
            if found := victims(client, up, output):
                with contextlib.suppress(psutil.NoSuchProcess):
                    rng.choice(found).kill()
                    kills += 1
            time.sleep(0.02)


def test_killing_workers_again_and_again_while_they_work(fleet: Fleet, photographs, tmp_path):
    source, output, recipe = tmp_path / "in", tmp_path / "out", tmp_path / "slow.toml"
    source.mkdir()
    recipe.write_text(SLOW)
    feed = Feed(photographs(BATCH, 300, 500), source)
    feed.put()
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    options = ("--workers", 2, "--settle", "0.1", "--interval", "0.5", "--recipe", recipe)

    up = fleet.processes.start("up", "--source", source, "--output", output, *ports, *options)
    wait_until(lambda: count_done(output) or not up.alive, patience=60, what="the first image")
    kill_workers(up, fleet, output, feed, patience=120)
    wait_until(lambda: count_done(output) == feed.images or not up.alive, patience=120, what="the last image")

    up.terminate()
    assert up.wait() == 0, up.said
    check_outputs(output, expected_outputs(source, load_recipe(recipe)))
    check_ledger(output, feed.images)
