"""The analysis of faults counts what is lost, and that of latency reaches a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterfleet.bench import contenders
from filterfleet.bench.analysis.parts import faults
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.cloud_fleet import OUTPUT, cloud_fleet
from filterfleet.bench.photographs import make_photographs
from filterfleet.bench.places import places
from filterfleet.bench.warm import WARM, WarmFleet

IMAGES = 24


@pytest.fixture
def batch(tmp_path: Path) -> faults.Batch:
    made = faults.Batch(tmp_path / "photographs", tmp_path / "expected", IMAGES)
    made.photographs.mkdir()
    make_photographs(made.photographs, IMAGES, 0.3, 0.5)
    contenders.sequential().measure(made.photographs, made.expected)
    return made


def spoil(fleet: WarmFleet, _cables: faults.Cables) -> None:
    """Delete one output, change another, and add a file: three that are wrong."""
    done = [file for file in sorted((fleet.output / "edges").iterdir()) if not file.name.startswith(WARM)]
    done[0].unlink()
    done[1].write_bytes(done[1].read_bytes() + b"!")
    (fleet.output / "edges" / "one-too-many.png").write_bytes(b"")


@pytest.mark.slow
def test_what_is_lost_wrong_or_too_many_is_counted(tmp_path: Path, batch: faults.Batch):
    outcome = faults._suffer(faults.Fault("spoilt", spoil), tmp_path, batch)
    assert (outcome.lost, outcome.doubled) == (3, 0)
    assert len(outcome.done) == IMAGES


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path, batch: faults.Batch):
    (fault,) = [one for one in faults._faults() if one.name == "worker-1: kill -9"]
    outcome = faults._suffer(fault, tmp_path, batch)
    assert (outcome.lost, outcome.doubled) == (0, 0)
    part = Part()
    faults._record(part, fault.name, outcome)
    assert {one.group for one in part.series} == {faults.GROUP, faults.RECOVERY}
    assert all(one.samples[0] > 0 for one in part.series)
    assert part.timelines[0].done == sorted(outcome.done)


def test_the_longest_pause_begins_no_earlier_than_the_fault():
    part = Part()
    faults._record(part, "f", faults.Outcome({"f": 2.0}, [0.1, 1.9, 2.5, 4.0, 4.5], 0, 0, 0))
    assert {one.group: one.samples for one in part.series} == {faults.GROUP: [1.5], faults.RECOVERY: [2.0]}


@pytest.mark.slow
def test_an_upload_to_a_bucket_comes_back(tmp_path: Path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    make_photographs(photographs, 1, 0.3)
    (photograph,) = photographs.iterdir()
    with cloud_fleet(tmp_path, 1, 300.0) as fleet:
        fleet.upload(photograph)
        fleet.notify(photograph.name)
        fleet.wait(places(photograph.name))
        assert all((tmp_path / "served" / OUTPUT / place).is_file() for place in places(photograph.name))
