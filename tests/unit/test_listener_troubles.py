"""The listener between a source and a sink in memory: what it makes of outages, and of work that is cut short."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.core import patience
from filterfleet.listener.core.settings import Failures
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.options import Options
from tests.unit.service_rig import DEPARTING, PHOTOGRAPHS, WATCH, Rig, expected, hurried, outage, photograph


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with hurried(tmp_path / "ledger", monkeypatch) as rig:
        yield rig


@pytest.mark.parametrize("what", ["load", "write", "publish", "list"])
def test_an_outage_is_waited_for(rig: Rig, what: str) -> None:
    rig.source.trouble = rig.sink.trouble = outage(what, 12)
    rig.run(WATCH, until=lambda ledger: ledger.progress().done == len(PHOTOGRAPHS))
    assert rig.sink.files == expected(PHOTOGRAPHS)


def test_one_object_that_cannot_be_read_does_not_hold_up_the_others(rig: Rig) -> None:
    rig.source.trouble = outage("load trip/3.jpg", 100)
    assert rig.run() == [("trip/3.jpg", "The store is away.")]
    assert rig.sink.files == expected({path: data for path, data in PHOTOGRAPHS.items() if path != "trip/3.jpg"})
    rig.source.trouble = outage("load", 0)
    assert rig.run() == []
    assert rig.sink.files == expected(PHOTOGRAPHS)


def test_what_cannot_ever_be_written_fails_at_once_and_alone(rig: Rig) -> None:
    rig.sink.trouble = outage("write trip/3.jpg", 1, transient=False)
    assert rig.run() == [("trip/3.jpg", "The store is away.")]


def test_an_object_that_changes_while_it_is_loaded_is_done_as_it_is_then(rig: Rig) -> None:
    def replace(what: str) -> None:
        if what == "load trip/0.jpg":
            rig.source.trouble = lambda _: None
            rig.source.files["trip/0.jpg"] = photograph(99)

    rig.source.trouble = replace
    assert rig.run() == []
    assert rig.sink.files == expected(rig.source.files)


def test_a_transient_failure_is_not_told(rig: Rig) -> None:
    rig.source.trouble = outage("load trip/3.jpg", 100)
    rig.run(Options(settle=0.0, interval=0.05, once=True, failures=Failures.COPY))
    assert not any(path.startswith("failed") for path in rig.sink.files)


def test_what_a_killed_listener_did_not_take_away_the_next_one_does(rig: Rig) -> None:
    rig.source.trouble = outage("take away", 10_000)
    with pytest.raises(Exception, match="same command"):
        rig.run(DEPARTING, until=lambda ledger: ledger.progress().done == len(PHOTOGRAPHS))
    assert rig.source.files == PHOTOGRAPHS
    rig.source.trouble = outage("take away", 0)
    rig.sink.done.clear()
    assert rig.run(DEPARTING) == []
    assert (rig.source.files, rig.sink.done) == ({}, [])


def test_a_listing_that_fails_half_way_makes_nothing_disappear(rig: Rig) -> None:
    rig.run()
    rig.source.trouble = outage("list", 3)
    rig.run(WATCH, until=lambda _: rig.source.done.count("list") > 3)
    assert len(rig.loads) == len(PHOTOGRAPHS)


def test_a_scan_that_is_cut_short_at_the_end_of_the_work_says_nothing(rig: Rig) -> None:
    """The last image is written while a scan is under way, which then fails because the listener ends."""
    scanning, ending = threading.Event(), threading.Event()

    def trouble_at_source(_: str) -> None:
        if rig.source.done.count("list") == 3:  # by then the scan before has found nothing new
            scanning.set()
            assert ending.wait(10)
            raise TransferError("The work with remotes has ended.", transient=True)

    def trouble_at_sink(_: str) -> None:
        assert scanning.wait(10)

    rig.source.trouble, rig.sink.trouble = trouble_at_source, trouble_at_sink

    assert rig.run(interrupt=ending.set) == []  # and does not raise InterruptedRunError
    assert rig.sink.files == expected(rig.source.files)


def test_a_transfer_that_is_cut_short_by_the_end_is_no_trouble(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    writing, ending = threading.Event(), threading.Event()

    def trouble(_: str) -> None:
        writing.set()
        assert ending.wait(10)
        raise TransferError("The work with remotes has ended.", transient=True)

    rig.sink.trouble = trouble
    rig.run(WATCH, until=lambda _: writing.is_set(), interrupt=ending.set)
    assert "The work with remotes has ended" not in "".join(capsys.readouterr())

    rig.sink.trouble = lambda _: None
    assert rig.run() == []
    assert rig.sink.files == expected(rig.source.files)


def test_an_object_that_is_listed_and_never_found_is_given_up_in_a_sentence(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HIDING", 0.3)

    def trouble(what: str) -> None:
        if what == "load trip/3.jpg":
            raise ChangedError

    rig.source.trouble = trouble
    ((path, reason),) = rig.run()
    assert (path, reason) == ("trip/3.jpg", "The source lists this file, and does not find it when it is loaded.")
    assert rig.sink.files == expected({name: data for name, data in PHOTOGRAPHS.items() if name != path})
