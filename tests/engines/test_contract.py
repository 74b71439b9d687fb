"""What all engines have in common: everything that a user sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filterfleet.common.text import printable
from filterfleet.listener.ledger.ledger import REPORT
from tests.engines.conftest import QUICK, SETUPS, SLOW, Run, SetupOf
from tests.engines.rig import Setup, outputs_of, read_report, temporary_files
from tests.integration.harness import expected_outputs

Reference = tuple[dict[str, bytes], list[dict[str, Any]]]

TIMES = ("queue", "decode", "filter", "encode", "write")


def test_the_sequential_engine_does_what_the_pipeline_does(reference: Reference, good: Path) -> None:
    outputs, _ = reference
    assert outputs == expected_outputs(good)
    assert len(outputs) == 3 * 13


@pytest.mark.parametrize("name", SETUPS)
def test_same_outputs_failures_and_report(
    name: str, setup_of: SetupOf, run: Run, mixed: Path, reference: Reference, tmp_path: Path
) -> None:
    outputs, expected = reference
    setup = setup_of(name)
    ended = run(setup.command(mixed, tmp_path / "out", "--report", tmp_path / "report.json")).check(1)
    assert outputs_of(tmp_path / "out") == outputs
    assert not temporary_files(tmp_path / "out")
    report = read_report(tmp_path / "report.json")
    same = ("path", "bytes", "width", "height", "pixels", "status", "reason")
    assert [[row[field] for field in same] for row in report] == [[row[field] for field in same] for row in expected]
    for row in report:
        check_row(row, setup.engine)
    assert failures_shown(ended.stderr) == [
        f"failed {row['path']}: {row['reason']}" for row in expected if row["status"] == "failed"
    ]
    assert "13 images done, 3 failed." in ended.stderr


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_all_is_well(name: str, setup_of: SetupOf, run: Run, good: Path, tmp_path: Path) -> None:
    ended = run(setup_of(name).command(good, tmp_path / "out")).check(0)
    assert outputs_of(tmp_path / "out") == expected_outputs(good)
    assert "13 images done, 0 failed." in ended.stderr


def test_the_same_report_as_a_table(run: Run, mixed: Path, reference: Reference, tmp_path: Path) -> None:
    run(Setup("threads").command(mixed, tmp_path / "out", "--report", tmp_path / "report.csv")).check(1)
    assert (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()[0] == ",".join(REPORT)
    same = ("path", "bytes", "width", "pixels", "status", "reason")
    rows = [[row[field] for field in same] for row in read_report(tmp_path / "report.csv")]
    expected = [["" if row[field] is None else printable(str(row[field])) for field in same] for row in reference[1]]
    assert rows == expected


def test_a_report_reads_the_same_in_every_locale(run: Run, good: Path, tmp_path: Path) -> None:
    latin = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = Setup("threads").command(good, tmp_path / "out", "--report", tmp_path / "report.csv")
    run(command, **latin).check(0)
    assert "trip/day 2/é中文.jpg" in [row["path"] for row in read_report(tmp_path / "report.csv")]


def check_row(row: dict[str, Any], engine: str) -> None:
    assert tuple(row) == REPORT
    if row["status"] == "failed":
        assert row["reason"].endswith(".")
        assert all(row[field] is None for field in REPORT if field not in ("path", "bytes", "status", "reason"))
        return
    assert row["status"] == "done"
    assert row["reason"] is None
    assert row["engine"] == engine
    assert "/" in row["worker"]
    assert row["pixels"] == row["width"] * row["height"] == 160 * 120
    assert row["write"] >= 0
    copied = row["decode"] is None  # its twin was processed before, so only its outputs had to be written
    assert not copied or row["path"] in ("CAPITALS.JPG", "trip/twin.jpg")
    assert all(row[field] is None if copied and field != "write" else row[field] >= 0 for field in TIMES)


def failures_shown(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("failed ")]
