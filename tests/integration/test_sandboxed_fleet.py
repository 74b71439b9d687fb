"""A fleet whose workers are in their sandboxes does everything that it does without."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.blob import whole
from filterfleet.common.jobs.job import Job, job_id
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import Failed, Result
from filterfleet.recipes import load_recipe
from filterfleet.worker.engines.processes import ProcessesEngine
from filterfleet.worker.pipeline import process
from tests.integration.harness import Daemon, Fleet, wait_until
from tests.unit.golden_files import GOLDEN
from tests.unit.raw_files import dng

RECIPES = ("archive", "default", "proof", "scan-cleanup", "sketch", "web")
# One file of each format, and the rarer ways of each to store pixels.
FILES = {name: case[0] for name, case in GOLDEN.items()} | {"raw": dng((0.1, 0.4, 0.2))}


def jobs() -> Iterator[tuple[str, bytes, Recipe]]:
    """Every file through one recipe, and some files through all."""
    for number, (name, file) in enumerate(FILES.items()):
        for recipe in (RECIPES[number % len(RECIPES)],) if number % 5 else RECIPES:
            yield f"{name}, {recipe}", file, load_recipe(recipe)


def job(file: bytes, recipe: Recipe) -> Job:
    needs = tuple(sorted(recipe.filters))
    return Job(job_id(hashlib.sha256(file).digest(), recipe), recipe.to_bytes(), needs, len(file), payload=(file,))


def check(outcomes: dict[str, Result | Failed]) -> None:
    for name, file, recipe in jobs():
        outcome = outcomes[name]
        assert isinstance(outcome, Result), (name, outcome)
        expected = [whole(blob) for blob in process(file, recipe).blobs]
        assert [bytes(whole(blob)) for blob in outcome.payload] == [bytes(blob) for blob in expected], name


def said_at_start(worker: Daemon) -> str:
    wait_until(lambda: "sandbox confinement=" in worker.said, what="a line about the sandbox")
    (line,) = re.findall(r"sandbox confinement='([^\n\x1b]*?)'\s*(?:role=.*)?\n", worker.said)
    return str(line)


def test_every_format_and_recipe_in_a_worker(fleet: Fleet) -> None:
    fleet.start_broker()
    worker = fleet.start_worker(threads=2)
    with fleet.client() as client:
        futures = {name: client.submit(job(file, recipe)) for name, file, recipe in jobs()}
        check({name: future.result(90) for name, future in futures.items()})
    assert said_at_start(worker).startswith("no_new_privs, ")


def test_every_format_and_recipe_in_the_engine_processes() -> None:
    engine = ProcessesEngine(1, 2)
    try:
        futures = {name: engine.submit(job(file, recipe)) for name, file, recipe in jobs()}
        check({name: future.result(90) for name, future in futures.items()})
    finally:
        engine.close()


@pytest.mark.parametrize("host", [pytest.param("127.0.0.1", marks=pytest.mark.slow), "localhost"])
def test_a_worker_finds_its_broker_again(fleet: Fleet, host: str) -> None:
    broker = fleet.start_broker()
    worker = fleet.start_worker("--broker", host)
    for _ in range(2):
        fleet.wait_for_workers(1)
        broker.kill()
        broker = fleet.start_broker()
    fleet.wait_for_workers(1)
    with fleet.client() as client:
        recipe = load_recipe("default")
        assert isinstance(client.submit(job(FILES["jpeg"], recipe)).result(30), Result)
    assert worker.alive


def test_it_can_be_left_out(fleet: Fleet) -> None:
    fleet.start_broker()
    worker = fleet.start_worker("--no-sandbox")
    fleet.wait_for_workers(1)
    assert said_at_start(worker) == "none (--no-sandbox)"


NAMES = """
import json, sys
from filterfleet.worker.sandbox.confinement import enter
from filterfleet.worker.sandbox.names import Names
backends = sys.argv[1:]
names = Names(backends)
enter([5556])
print(json.dumps([[names.current(backend) for backend in backends] for _ in range(3)]))
"""


def test_a_helper_finds_the_addresses_of_brokers() -> None:
    backends = ["tcp://localhost:5556", "tcp://192.0.2.1:5556", "tcp://[::1]:5556", "tcp://nowhere.invalid:5556"]
    said = subprocess.run([sys.executable, "-c", NAMES, *backends], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    known = [f"tcp://{socket.gethostbyname('localhost')}:5556", *backends[1:]]
    assert json.loads(said.stdout) == [known] * 3


MOVES = """
import pathlib, socket, sys
from filterfleet.worker.sandbox.confinement import enter
from filterfleet.worker.sandbox.names import Names
place, backend = pathlib.Path(sys.argv[1]), "tcp://hub.example:5556"
socket.getaddrinfo = lambda *_: [(0, 0, 0, "", (place.read_text(), 0))]  # the helper's, too
names = Names([backend])
enter([5556])
print(names.current(backend), flush=True)
sys.stdin.readline()
while (address := names.current(backend)) == "tcp://192.0.2.1:5556":
    pass
print(address)
"""


def test_a_broker_that_moves_is_found(tmp_path: Path) -> None:
    (place := tmp_path / "address").write_text("192.0.2.1")
    command = [sys.executable, "-c", MOVES, place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "tcp://192.0.2.1:5556\n"
        (tmp_path / "new").write_text("192.0.2.2")
        (tmp_path / "new").replace(place)  # the helper may read it at any moment
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "tcp://192.0.2.2:5556\n"
