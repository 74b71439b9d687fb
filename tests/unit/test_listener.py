"""The listener between a source and a sink in memory: what it makes of outages, changes and wishes."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filterfleet import process
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener import service
from filterfleet.listener.core import patience
from filterfleet.listener.core.settings import Backfill, Failures
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import serve
from filterfleet.worker.engines.local import SequentialEngine
from tests.unit.samples import cv2, picture
from tests.unit.store_rig import MemorySink, MemorySource

ONCE = Options(settle=0.0, interval=0.05, once=True)
WATCH = Options(settle=0.0, interval=0.05)

Serve = Callable[..., list[tuple[str, str]]]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    settings = service.settings
    monkeypatch.setattr(service, "settings", lambda *ends: dataclasses.replace(settings(*ends), once_patience=0.5))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Serve]:
    """One life of a listener, until its end or until(ledger); the failures by then. The ledger outlives it."""
    with contextlib.closing(StopSignal()) as stop:

        def run(
            source: MemorySource,
            sink: MemorySink,
            options: Options = ONCE,
            until: Callable[[Ledger], bool] = lambda _: False,
            interrupt: Callable[[], None] = lambda: None,
        ) -> list[tuple[str, str]]:
            stop.count = 0
            with (
                contextlib.closing(SequentialEngine()) as engine,
                contextlib.closing(Ledger(tmp_path / "ledger", source.name, DEFAULT.digest.hex())) as ledger,
            ):

                def turned() -> None:
                    stop.count += until(ledger)

                failures = serve(
                    options, source, sink, ledger, engine, DEFAULT, stop=stop, turned=turned, interrupt=interrupt
                )
            return [(failure.path, failure.reason) for failure in failures]

        yield run


def photograph(seed: int) -> bytes:
    return cv2.imencode(".jpg", picture(seed=seed))[1].tobytes()


PHOTOGRAPHS = {f"trip/{seed}.jpg": photograph(seed) for seed in range(5)}


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(dict(PHOTOGRAPHS))


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


def expected(files: dict[str, bytes]) -> dict[str, bytes]:
    suffixes = {"grayscale": "", "blur": "", "edges": ".png"}
    return {
        f"{output}/{path}{suffixes[output]}": data
        for path, image in files.items()
        for output, data in process(image).items()
    }


def loads(source: MemorySource) -> list[str]:
    return [what for what in source.done if what.startswith("load")]


def outage(what: str, times: int, *, transient: bool = True) -> Callable[[str], None]:
    """Operations whose names begin like this fail this many times."""
    left = times

    def trouble(begun: str) -> None:
        nonlocal left
        if begun.startswith(what) and left:
            left -= 1
            raise TransferError("The store is away.", transient=transient)

    return trouble


def test_everything_is_done_once(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    assert run(source, sink) == []
    assert sink.files == expected(PHOTOGRAPHS)
    assert run(source, sink) == []
    assert len(loads(source)) == len(PHOTOGRAPHS)


@pytest.mark.parametrize("what", ["load", "write", "publish", "list"])
def test_an_outage_is_waited_for(run: Serve, source: MemorySource, sink: MemorySink, what: str) -> None:
    source.trouble = sink.trouble = outage(what, 12)
    run(source, sink, WATCH, until=lambda ledger: ledger.progress().done == len(PHOTOGRAPHS))
    assert sink.files == expected(PHOTOGRAPHS)


def test_one_object_that_cannot_be_read_does_not_hold_up_the_others(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    source.trouble = outage("load trip/3.jpg", 100)
    assert run(source, sink) == [("trip/3.jpg", "The store is away.")]
    assert sink.files == expected({path: data for path, data in PHOTOGRAPHS.items() if path != "trip/3.jpg"})
    source.trouble = outage("load", 0)
    assert run(source, sink) == []
    assert sink.files == expected(PHOTOGRAPHS)


def test_what_cannot_ever_be_written_fails_at_once_and_alone(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    sink.trouble = outage("write trip/3.jpg", 1, transient=False)
    assert run(source, sink) == [("trip/3.jpg", "The store is away.")]


def test_a_name_that_is_too_long_for_an_output_is_refused_before_any_work(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    """Of 255 bytes, the edges' own extension leaves 251."""
    fits, long = "f" * 247 + ".jpg", "n" * 248 + ".jpg"
    source.files = {fits: photograph(1), long: photograph(2)}
    sink.longest_name = 255
    reason = (
        "The name of its output edges would have 256 bytes, and the output folder takes 255: "
        "give the image a shorter name."
    )
    assert run(source, sink) == [(long, reason)]
    assert loads(source) == [f"load {fits}"]
    assert sink.files == expected({fits: source.files[fits]})


def test_an_object_that_changes_while_it_is_loaded_is_done_as_it_is_then(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    def replace(what: str) -> None:
        if what == "load trip/0.jpg":
            source.trouble = lambda _: None
            source.files["trip/0.jpg"] = photograph(99)

    source.trouble = replace
    assert run(source, sink) == []
    assert sink.files == expected(source.files)


def test_a_renamed_object_is_copied_and_not_done_again(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    run(source, sink)
    source.files["new.jpg"] = source.files.pop("trip/0.jpg")
    sink.done.clear()
    assert run(source, sink) == []
    assert sink.done == ["copy trip/0.jpg new.jpg", "publish new.jpg"]
    assert sink.files == expected(PHOTOGRAPHS | source.files), "what was made of the old name stays"


@pytest.mark.parametrize("failures", list(Failures))
def test_what_failed_is_told_and_taken_back_when_it_is_mended(
    run: Serve, source: MemorySource, sink: MemorySink, failures: Failures
) -> None:
    source.files = {"a.jpg": b"no image"}
    options = Options(settle=0.0, interval=0.05, once=True, failures=failures)
    ((path, reason),) = run(source, sink, options)
    told = {"failed/a.jpg.txt": reason.encode(), "failed/a.jpg": b"no image"}
    if failures is not Failures.COPY:
        del told["failed/a.jpg"]
    assert (path, sink.files) == ("a.jpg", {} if failures is Failures.OFF else told)
    source.files["a.jpg"] = photograph(1)
    assert run(source, sink, options) == []
    assert sink.files == expected(source.files)


def test_a_transient_failure_is_not_told(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    source.trouble = outage("load trip/3.jpg", 100)
    run(source, sink, Options(settle=0.0, interval=0.05, once=True, failures=Failures.COPY))
    assert not any(path.startswith("failed") for path in sink.files)


# --- after success ----

DEPARTING = Options(settle=0.0, interval=0.05, once=True, departs=True)


def test_what_is_done_leaves_the_source_and_what_failed_stays(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    source.files["bad.jpg"] = b"no image"
    assert [path for path, _ in run(source, sink, DEPARTING)] == ["bad.jpg"]
    assert list(source.files) == ["bad.jpg"]
    assert sink.files == expected(PHOTOGRAPHS)


def test_a_name_whose_object_has_left_can_be_used_again(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    run(source, sink, DEPARTING)
    source.files = {"trip/0.jpg": photograph(50), "trip/1.jpg": PHOTOGRAPHS["trip/1.jpg"]}
    assert run(source, sink, DEPARTING) == []
    assert source.files == {}
    assert sink.files["blur/trip/0.jpg"] == process(photograph(50))["blur"]


def test_what_a_killed_listener_did_not_take_away_the_next_one_does(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    source.trouble = outage("take away", 10_000)
    with pytest.raises(Exception, match="same command"):
        run(source, sink, DEPARTING, until=lambda ledger: ledger.progress().done == len(PHOTOGRAPHS))
    assert source.files == PHOTOGRAPHS
    source.trouble = outage("take away", 0)
    sink.done.clear()
    assert run(source, sink, DEPARTING) == []
    assert (source.files, sink.done) == ({}, [])


def test_an_object_that_was_replaced_in_the_meantime_is_not_taken_away(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    def replace(what: str) -> None:
        if what == "take away trip/0.jpg" and source.files["trip/0.jpg"] == PHOTOGRAPHS["trip/0.jpg"]:
            source.files["trip/0.jpg"] = photograph(99)

    source.trouble = replace
    assert run(source, sink, DEPARTING) == []
    assert source.files == {}, "it went as its new self, after that was done"
    assert sink.files["blur/trip/0.jpg"] == process(photograph(99))["blur"]


# --- the backfill ----


def test_without_a_backfill_only_what_comes_later_is_done(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    options = Options(settle=0.0, interval=0.05, once=True, backfill=Backfill.NONE)
    assert run(source, sink, options) == []
    assert sink.files == {}
    late = {"late.jpg": photograph(70), "trip/1.jpg": photograph(71)}
    source.files |= late
    assert run(source, sink, options) == []
    assert sink.files == expected(late)


@pytest.mark.parametrize("backfill", [Backfill.OLDEST, Backfill.NEWEST])
def test_the_backfill_goes_by_age_and_new_uploads_go_first(
    run: Serve, source: MemorySource, sink: MemorySink, backfill: Backfill, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = {path: age for age, path in enumerate(PHOTOGRAPHS)}
    plain = MemorySource.version
    monkeypatch.setattr(
        MemorySource,
        "version",
        lambda self, path: type(plain(self, path))(
            len(self.files[path]), ages.get(path, 99), str(hash(self.files[path]))
        ),
    )
    run(source, sink, Options(settle=0.0, interval=0.05, once=True, backfill=backfill, transfers=1))
    order = [what.removeprefix("load ") for what in loads(source)]
    assert order == sorted(PHOTOGRAPHS, reverse=backfill is Backfill.NEWEST)


def test_a_listing_that_fails_half_way_makes_nothing_disappear(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    run(source, sink)
    source.trouble = outage("list", 3)
    run(source, sink, WATCH, until=lambda _: source.done.count("list") > 3)
    assert len(loads(source)) == len(PHOTOGRAPHS)


def test_an_image_larger_than_the_spool_is_a_sentence(run: Serve, source: MemorySource, sink: MemorySink) -> None:
    source.files = {"large.jpg": b"x" * 5000, "small.jpg": photograph(1)}
    ((path, reason),) = run(source, sink, Options(settle=0.0, interval=0.05, once=True, spool=4000))
    assert path == "large.jpg"
    assert "--spool-limit" in reason
    assert "blur/small.jpg" in sink.files


def test_a_scan_that_is_cut_short_at_the_end_of_the_work_says_nothing(
    run: Serve, source: MemorySource, sink: MemorySink
) -> None:
    """The last image is written while a scan is under way, which then fails because the listener ends."""
    scanning, ending = threading.Event(), threading.Event()

    def trouble_at_source(_: str) -> None:
        if source.done.count("list") == 3:  # by then the scan before has found nothing new
            scanning.set()
            assert ending.wait(10)
            raise TransferError("The work with remotes has ended.", transient=True)

    def trouble_at_sink(_: str) -> None:
        assert scanning.wait(10)

    source.trouble, sink.trouble = trouble_at_source, trouble_at_sink

    assert run(source, sink, interrupt=ending.set) == []  # and does not raise InterruptedRunError
    assert sink.files == expected(source.files)


def test_a_transfer_that_is_cut_short_by_the_end_is_no_trouble(
    run: Serve, source: MemorySource, sink: MemorySink, capsys: pytest.CaptureFixture[str]
) -> None:
    writing, ending = threading.Event(), threading.Event()

    def trouble(_: str) -> None:
        writing.set()
        assert ending.wait(10)
        raise TransferError("The work with remotes has ended.", transient=True)

    sink.trouble = trouble
    run(source, sink, WATCH, until=lambda _: writing.is_set(), interrupt=ending.set)
    assert "The work with remotes has ended" not in "".join(capsys.readouterr())

    sink.trouble = lambda _: None
    assert run(source, sink) == []
    assert sink.files == expected(source.files)


def test_an_object_that_is_listed_and_never_found_is_given_up_in_a_sentence(
    run: Serve, source: MemorySource, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HIDING", 0.3)

    def trouble(what: str) -> None:
        if what == "load trip/3.jpg":
            raise ChangedError

    source.trouble = trouble
    ((path, reason),) = run(source, sink)
    assert (path, reason) == ("trip/3.jpg", "The source lists this file, and does not find it when it is loaded.")
    assert sink.files == expected({name: data for name, data in PHOTOGRAPHS.items() if name != path})
