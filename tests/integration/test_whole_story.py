"""The whole story of an image whose workers died: every attempt, with its worker and its ending."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakePhotographs
from tests.integration.harness import Fleet, count_done, wait_until


@pytest.mark.slow
def test_a_worker_that_died_with_an_image_is_an_attempt(fleet: Fleet, photographs: MakePhotographs, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    fleet.start_broker()
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    worker = fleet.start_worker()
    listener = fleet.start_listener(source, output, "--settle", 0.1, "--interval", 0.5)
    wait_until(lambda: "listener started" in listener.said, what="a listener")

    def status() -> Any:
        return json.loads(fleet.processes.run("status", "--json", *ports)[1])

    wait_until(lambda: status()["workers"], what="a worker")
    (frozen,) = worker.worker_processes()
    frozen.suspend()  # it takes the image, and does nothing with it
    shutil.copy(next(photographs(3, 60, 90).rglob("*.jpg")), source / "one.jpg")
    wait_until(lambda: status()["running"] == 1, what="a lease")
    frozen.kill()
    wait_until(lambda: count_done(output) == 1, what="the result of the process in its place")

    code, said = fleet.processes.run("job", "one.jpg", "--output", output, "--json")
    assert code == 0, said
    lost, done = json.loads(said)["story"]["attempts"]
    (successor,) = worker.worker_processes()
    assert (lost["ending"], lost["worker"].rpartition("/")[2]) == ("lost", str(frozen.pid))
    assert (done["ending"], done["worker"].rpartition("/")[2]) == ("done", str(successor.pid))
    assert lost["ended"] < done["ended"]
    assert lost["id"] == done["id"]
    said = fleet.processes.run("job", "one.jpg", "--output", output)[1]
    assert "worker lost" in said
