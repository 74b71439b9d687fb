"""Other systems and bare sockets, really running: their tasks, and what they do when a worker is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from filterfleet.bench import contenders, programs
from filterfleet.bench.analysis.parts import peers as fates
from filterfleet.bench.peers.catalogue import PEERS, SYSTEMS, Peer
from filterfleet.bench.peers.protocol import TASKS
from filterfleet.bench.photographs import make_photographs
from filterfleet.bench.raw_queue import PROXY, PYTHON, raw_queue
from filterfleet.common.errors import FleetError
from tests.integration.harness import is_running, wait_until

BY_NAME = {peer.module: peer for peer in SYSTEMS}
FATES = {  # the word with which each one's fate begins
    "pool": "hangs",
    "futures": "ends with an error",
    "joblib": "ends with an error",
    "dask": "recovers",
    "ray": "recovers",
    "celery": "recovers",
    "dramatiq": "recovers",
    "ipyparallel": "recovers",
}


def require(peer: Peer) -> Peer:
    if missing := peer.missing():
        pytest.skip(f"{peer.name} needs {missing}.")
    return peer


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    make_photographs(folder, 80, 1.0, 1.5)
    return folder


def test_a_program_that_is_not_ready_says_why():
    with pytest.raises(FleetError, match="this one failed: no such thing"):
        programs.from_go_to_done("this one", [sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_what_a_program_has_started_ends_with_it():
    words = "print('ready', flush=True); import subprocess; subprocess.run(['sleep', '1000'])"
    with programs.started("this one", [sys.executable, "-c", words]) as program:
        program.expect("ready")
        assert program.hear(0.01) is None
        wait_until(lambda: programs.descendants(program.process.pid), what="a child")
        (child,) = map(psutil.Process, programs.descendants(program.process.pid))
    wait_until(lambda: not is_running(child), what="its end")


@pytest.mark.parametrize("queue", [PYTHON, PROXY])
@pytest.mark.slow
def test_bare_sockets_give_everything_back(queue: str):
    with raw_queue(queue, 2) as client:
        assert client.rate(500, 200) > 0
        assert client.rate(4, 8 << 20, 2) > 0
        assert client.round_trip(200) > 0


@pytest.mark.parametrize("module", [pytest.param(name, marks=pytest.mark.slow) for name in BY_NAME])
def test_tasks_without_work_are_done(module: str):
    peer = require(BY_NAME[module])
    program = [sys.executable, "-P", "-m", f"filterfleet.bench.peers.{module}", TASKS, "100", "2"]
    assert programs.from_go_to_done(peer.name, program) > 0


@pytest.mark.parametrize("module", [pytest.param(name, marks=pytest.mark.slow) for name in FATES])
def test_a_killed_worker(module: str, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    peer = require(BY_NAME[module])
    # One that is to recover has time for it on a busy machine, too.
    monkeypatch.setattr(fates, "DEADLINE", 5.0 if FATES[module] == "hangs" else 60.0)
    contenders.plain().measure(photographs, tmp_path / "expected")
    fate = fates.fate_of(peer, 2, photographs, tmp_path / "found", tmp_path / "expected")
    assert fate is not None
    assert fate.words.startswith(FATES[module])
    assert fate.outputs == 3 * len(list(photographs.iterdir()))
    assert fate.missing == 0 or FATES[module] != "recovers"


def test_threads_have_no_worker_to_kill(photographs: Path, tmp_path: Path):
    assert fates.fate_of(BY_NAME["threads"], 2, photographs, tmp_path / "found", tmp_path / "expected") is None


def test_the_command_says_how_each_is_configured():
    command = [sys.executable, "-P", "-m", "filterfleet", "bench", "peers"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(peer.name in said for peer in PEERS)
    assert "acks_late" in said
