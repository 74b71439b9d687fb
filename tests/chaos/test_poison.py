"""Images that end the process that works on them: each is given up, with a reason, and no other image with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import COMMAND, LOOPBACK, Fleet, ledger_rows, output_files, wait_until

INNOCENTS = 12
TIMEOUT = 3.0  # seconds for an image
WORKERS, THREADS = 2, 2
SIGNS = {"segfault": 1, "allocates": 2, "endless": 3}  # value of the first pixel

PLUGIN = """
import ctypes, time
import numpy as np
from filterfleet.worker.filters import Rows, register

def allocate():
    kept = []
    while True:
        kept.append(np.ones(1 << 22))

def loop():
    while True:
        time.sleep(0.1)

HARM = {
    1: lambda: ctypes.string_at(0),
    2: allocate,
    3: loop,
}

@register("poison", merge=Rows(), gray=True, deep=False)
def poison(image):
    \"\"\"Does harm where the first pixel says so.\"\"\"
    time.sleep(0.2)
    HARM.get(int(image[0, 0]), lambda: None)()
    return image
"""
RECIPE = '[outputs.same]\nsteps = [{ filter = "poison" }]\nencoding = "png"\n'
BROKER = "from filterfleet.broker.service import serve; from filterfleet.broker.settings import Settings; import sys; "
BROKER += "serve('127.0.0.1', int(sys.argv[2]), int(sys.argv[3]), settings=Settings(task_timeout=float(sys.argv[1])))"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory) -> tuple[str, ...]:
    """The beginning of a command line whose filterfleet has the filter."""
    site = tmp_path_factory.mktemp("site")
    (site / "poison.py").write_text(PLUGIN)
    facts = site / "poison-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[filterfleet.filters]\npoison = poison\n")
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return ("env", f"PYTHONPATH={path}", COMMAND)


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(INNOCENTS):
        put(folder / f"innocent-{number}.png", 0, number)
    return folder


def put(file: Path, sign: int, number: int) -> None:
    image = np.random.default_rng(number).integers(0, 256, (40, 60), np.uint8)
    image[0, 0] = sign
    file.write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("segfault", "The worker process died while it worked on this image"),
        ("allocates", "The worker has too little memory for this image."),
        ("endless", f"No worker finished this image within {TIMEOUT:g} s (3 tries)."),
    ],
)
def test_it_is_given_up_with_its_reason_and_nobody_with_it(fleet: Fleet, with_plugin, source, tmp_path, kind, reason):
    put(source / "poison.png", SIGNS[kind], 99)
    recipe, output = tmp_path / "recipe.toml", tmp_path / "out"
    recipe.write_text(RECIPE)
    timeout = TIMEOUT if kind == "endless" else 60.0
    fleet.processes.start("-c", BROKER, timeout, fleet.frontend, fleet.backend, program=(sys.executable,))
    options = ("--broker", LOOPBACK, "--backend-port", fleet.backend, "--memory", "64M")
    worker = fleet.processes.start(
        "worker", *options, "--processes", WORKERS, "--threads", THREADS, program=with_plugin
    )
    folders = ("--source", source, "--output", output, "--settle", 0.1)
    listener = fleet.processes.start(
        "listener", *folders, "--once", "--recipe", recipe, "--frontend-port", fleet.frontend, program=with_plugin
    )
    assert listener.wait(120) == 1, listener.said
    assert "Traceback" not in listener.said
    ((path, found),) = ledger_rows(output, "SELECT path, reason FROM objects WHERE state = 'failed'")
    assert path == "poison.png"
    assert found.startswith(reason)
    assert sorted(output_files(output)) == sorted(f"same/innocent-{number}.png" for number in range(INNOCENTS))
    assert worker.alive
    wait_until(lambda: len(worker.worker_processes()) == WORKERS, what="the fleet, whole again")
