"""The comparison runs every contender that is installed, and takes no time for one whose files are wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from filterfleet.bench import contenders
from filterfleet.bench.outputs import check_same
from filterfleet.bench.peers.catalogue import SYSTEMS, installed
from filterfleet.common.errors import FleetError


@pytest.mark.slow
@pytest.mark.timeout(600)  # with all other systems on a busy machine
def test_every_contender_does_the_work(tmp_path: Path):
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "filterfleet",
        "bench",
        "compare",
        "--small",
        "6",
        "--medium",
        "0",
        "--workers",
        "2",
        "--rounds",
        "1",
    ]
    ended = subprocess.run([*command, "--report", str(report)], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    assert "The bound: the processor time of the plain script" in " ".join(ended.stdout.split())
    measured = json.loads(report.read_text())
    expected = {contender.name for contender in contenders.contenders(2, installed(SYSTEMS))}
    assert {"Dask distributed, warm", "multiprocessing.Pool", "up --once", "fleet of 2, warm"} < expected
    for load in measured["loads"].values():
        assert load.keys() == expected
        assert all(one["seconds"] and min(one["seconds"]) > 0 for one in load.values())
        assert all(one["cpu"] and min(one["cpu"]) > 0 for name, one in load.items() if not name.endswith("warm"))


def test_a_contender_whose_files_differ_ends_the_comparison(tmp_path: Path):
    expected, found = tmp_path / "expected", tmp_path / "found"
    for folder in (expected, found):
        (folder / "edges").mkdir(parents=True)
        (folder / "edges" / "a.jpg.png").write_bytes(b"pixels")
    check_same(expected, found, "this one")
    (found / "edges" / "a.jpg.png").write_bytes(b"others")
    with pytest.raises(FleetError, match="this one: 1 outputs differ and 0 are missing"):
        check_same(expected, found, "this one")
    (found / "edges" / "a.jpg.png").unlink()
    with pytest.raises(FleetError, match="0 outputs differ and 1 are missing"):
        check_same(expected, found, "this one")


def test_a_contender_that_fails_says_why(tmp_path: Path):
    broken = contenders.Contender(
        "broken", lambda *_: [sys.executable, "-c", "raise SystemExit('no such thing')"], "broken"
    )
    with pytest.raises(FleetError, match="broken failed: no such thing"):
        broken.measure(tmp_path, tmp_path / "out")
