"""`filterfleet bench all` with one of its parts. All of them take minutes; tests of their own run what they measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from filterfleet.bench.analysis.record import read

ONE_PART = """
from filterfleet.bench.analysis import run
from filterfleet.cli import main
run.PARTS = ("cost",)
main()
"""


@pytest.mark.slow
def test_every_sample_is_written_and_the_report_is_made_of_them(tmp_path: Path) -> None:
    command = ["bench", "all", "--quick", "--output", str(tmp_path / "analysis")]
    ended = subprocess.run(
        [sys.executable, "-P", "-c", ONE_PART, *command], capture_output=True, text=True, timeout=170, check=False
    )
    assert ended.returncode == 0, ended.stderr
    analysis = read(tmp_path / "analysis" / "analysis.json")
    assert analysis.command == "filterfleet bench all --quick"
    (part,) = analysis.parts.values()
    assert part.series
    assert all(series.samples and min(series.samples) > 0 for series in part.series)
    for report in ("analysis.md", "analysis.html"):
        words = (tmp_path / "analysis" / report).read_text()
        assert analysis.command in words
        assert [series.name for series in part.series if series.name not in words] == []


def test_an_output_that_is_a_file_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "filterfleet", "bench", "all", "--quick", "--output", str(tmp_path / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"filterfleet: The output {tmp_path / 'file'} is not a folder.\n"
