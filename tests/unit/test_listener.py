"""The listener between a source and a sink in memory: what becomes of images and of their sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet import process
from filterfleet.listener.core.settings import Backfill, Failures
from filterfleet.listener.settings.options import Options
from tests.unit.service_rig import DEPARTING, PHOTOGRAPHS, Rig, expected, hurried, photograph
from tests.unit.store_rig import MemorySource


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with hurried(tmp_path / "ledger", monkeypatch) as rig:
        yield rig


def test_everything_is_done_once(rig: Rig) -> None:
    assert rig.run() == []
    assert rig.sink.files == expected(PHOTOGRAPHS)
    assert rig.run() == []
    assert len(rig.loads) == len(PHOTOGRAPHS)


def test_a_name_that_is_too_long_for_an_output_is_refused_before_any_work(rig: Rig) -> None:
    """Of 255 bytes, the edges' own extension leaves 251."""
    fits, long = "f" * 247 + ".jpg", "n" * 248 + ".jpg"
    rig.source.files = {fits: photograph(1), long: photograph(2)}
    rig.sink.longest_name = 255
    reason = (
        "The name of its output edges would have 256 bytes, and the output folder takes 255: "
        "give the image a shorter name."
    )
    assert rig.run() == [(long, reason)]
    assert rig.loads == [f"load {fits}"]
    assert rig.sink.files == expected({fits: rig.source.files[fits]})


def test_a_renamed_object_is_copied_and_not_done_again(rig: Rig) -> None:
    rig.run()
    rig.source.files["new.jpg"] = rig.source.files.pop("trip/0.jpg")
    rig.sink.done.clear()
    assert rig.run() == []
    assert rig.sink.done == ["copy trip/0.jpg new.jpg", "publish new.jpg"]
    assert rig.sink.files == expected(PHOTOGRAPHS | rig.source.files), "what was made of the old name stays"


@pytest.mark.parametrize("failures", list(Failures))
def test_what_failed_is_told_and_taken_back_when_it_is_mended(rig: Rig, failures: Failures) -> None:
    rig.source.files = {"a.jpg": b"no image"}
    options = Options(settle=0.0, interval=0.05, once=True, failures=failures)
    ((path, reason),) = rig.run(options)
    told = {"failed/a.jpg.txt": reason.encode(), "failed/a.jpg": b"no image"}
    if failures is not Failures.COPY:
        del told["failed/a.jpg"]
    assert (path, rig.sink.files) == ("a.jpg", {} if failures is Failures.OFF else told)
    rig.source.files["a.jpg"] = photograph(1)
    assert rig.run(options) == []
    assert rig.sink.files == expected(rig.source.files)


# --- after success ----


def test_what_is_done_leaves_the_source_and_what_failed_stays(rig: Rig) -> None:
    rig.source.files["bad.jpg"] = b"no image"
    assert [path for path, _ in rig.run(DEPARTING)] == ["bad.jpg"]
    assert list(rig.source.files) == ["bad.jpg"]
    assert rig.sink.files == expected(PHOTOGRAPHS)


def test_a_name_whose_object_has_left_can_be_used_again(rig: Rig) -> None:
    rig.run(DEPARTING)
    rig.source.files = {"trip/0.jpg": photograph(50), "trip/1.jpg": PHOTOGRAPHS["trip/1.jpg"]}
    assert rig.run(DEPARTING) == []
    assert rig.source.files == {}
    assert rig.sink.files["blur/trip/0.jpg"] == process(photograph(50))["blur"]


def test_an_object_that_was_replaced_in_the_meantime_is_not_taken_away(rig: Rig) -> None:
    def replace(what: str) -> None:
        if what == "take away trip/0.jpg" and rig.source.files["trip/0.jpg"] == PHOTOGRAPHS["trip/0.jpg"]:
            rig.source.files["trip/0.jpg"] = photograph(99)

    rig.source.trouble = replace
    assert rig.run(DEPARTING) == []
    assert rig.source.files == {}, "it went as its new self, after that was done"
    assert rig.sink.files["blur/trip/0.jpg"] == process(photograph(99))["blur"]


# --- the backfill ----


def test_without_a_backfill_only_what_comes_later_is_done(rig: Rig) -> None:
    options = Options(settle=0.0, interval=0.05, once=True, backfill=Backfill.NONE)
    assert rig.run(options) == []
    assert rig.sink.files == {}
    late = {"late.jpg": photograph(70), "trip/1.jpg": photograph(71)}
    rig.source.files |= late
    assert rig.run(options) == []
    assert rig.sink.files == expected(late)


@pytest.mark.parametrize("backfill", [Backfill.OLDEST, Backfill.NEWEST])
def test_the_backfill_goes_by_age(rig: Rig, backfill: Backfill, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {path: age for age, path in enumerate(PHOTOGRAPHS)}
    plain = MemorySource.version
    monkeypatch.setattr(
        MemorySource,
        "version",
        lambda self, path: type(plain(self, path))(len(self.files[path]), ages[path], str(hash(self.files[path]))),
    )
    rig.run(Options(settle=0.0, interval=0.05, once=True, backfill=backfill, transfers=1))
    order = [what.removeprefix("load ") for what in rig.loads]
    assert order == sorted(PHOTOGRAPHS, reverse=backfill is Backfill.NEWEST)


def test_an_image_larger_than_the_spool_is_a_sentence(rig: Rig) -> None:
    rig.source.files = {"large.jpg": b"x" * 5000, "small.jpg": photograph(1)}
    ((path, reason),) = rig.run(Options(settle=0.0, interval=0.05, once=True, spool=4000))
    assert path == "large.jpg"
    assert "--spool-limit" in reason
    assert "blur/small.jpg" in rig.sink.files
