"""The report of a run: CSV that a spreadsheet does not compute, JSON that every program reads."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from filterfleet.commands.report_file import csv_cell, write_report
from filterfleet.listener.ledger.ledger import REPORT

NAMES = (
    "=HYPERLINK(A1).jpg",
    "+1.jpg",
    "-2+3.jpg",
    "@SUM(A1).jpg",
    "\t=1.jpg",
    "\r=1.jpg",
    "\n=1.jpg",
    "  =1.jpg",
    "\uff1d1.jpg",
    "'=1.jpg",
    "a;=1.jpg",
    'a",=1.jpg',
    "plain.jpg",
    os.fsdecode(b"\xff\x1b[31m.jpg"),
)


def rows() -> list[dict[str, object]]:
    none = dict.fromkeys(REPORT)
    return [{**none, "path": name, "bytes": -1, "queue": float("inf"), "decode": float("nan")} for name in NAMES]


def test_no_cell_is_a_formula(tmp_path: Path):
    write_report(tmp_path / "report.csv", rows())
    text = (tmp_path / "report.csv").read_text(encoding="utf-8")
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(NAMES)
    for row in found:
        assert row["path"].isprintable()
        assert row["path"].lstrip()[0] not in "=+-@\uff1d"
        assert (row["bytes"], row["queue"], row["decode"]) == ("-1", "", "")
    assert '"a;=1.jpg"' in text  # a spreadsheet that separates cells by semicolons does not cut it


@pytest.mark.parametrize("name", ["=1", "'=1", "'a", "''", "a", "", "- b"])
def test_a_cell_without_its_mark_is_the_text(name: str):
    cell = csv_cell(name)
    assert cell.removeprefix("'") == name


def test_json_has_the_exact_names(tmp_path: Path):
    write_report(tmp_path / "report.json", rows())
    text = (tmp_path / "report.json").read_text(encoding="ascii")
    found = json.loads(text, parse_constant=lambda constant: pytest.fail(constant))
    assert [os.fsencode(row["path"]) for row in found] == [os.fsencode(name) for name in NAMES]
    assert all(line.isprintable() for line in text.split("\n"))
    assert {(row["queue"], row["decode"]) for row in found} == {(None, None)}
