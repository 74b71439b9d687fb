"""What commands and the page read of a ledger, while its listener may be at work."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.books import Attempt as Failure
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.histogram import (
    BUCKETS,
    LEAST,
    STAGES,
    cells_of,
    histogram_of,
    packed,
    quantile,
    unpacked,
)
from filterfleet.listener.ledger.history import Attempt, History, Output, Page, Reason, pages
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import LEDGER

V1, V2 = Version(100, 1), Version(200, 2)
OUTPUTS = (OutputFile("edges", "png", 3), OutputFile("blur", "jpeg", 9))
REPORT = {"width": 30, "height": 20, "decode": 0.1, "filter": 0.2, "encode": 0.3, "worker": "host/1"}
EMPTY = "The file is empty."


def job_of(path: str) -> bytes:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest() * 2


class Kept:
    """A ledger, and somebody who reads it. Every event is a second after the one before."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        monkeypatch.setattr("time.time", self._tick)
        self.file = state / LEDGER
        self.ledger = Ledger(self.file, "/photos", "r1")
        self.history = History(self.file)

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def add(self, *paths: str, version: Version = V1) -> None:
        for path in paths:
            self.ledger.add(path, version, fresh=False)
        self.ledger.commit()

    def done(self, path: str, version: Version = V1, job: bytes | None = None) -> None:
        self.ledger.add(path, version, fresh=False)
        result = Result(job or job_of(path), OUTPUTS, REPORT)
        self.ledger.done(path, version, result, engine="cluster", write=0.5, turnaround=1.6)
        self.ledger.commit()

    def failed(self, path: str, reason: str = EMPTY, *, transient: bool = False) -> None:
        self.ledger.add(path, V1, fresh=False)
        self.ledger.failed(path, V1, reason, transient=transient, attempt=Failure(job_of(path), "host/2", 2.0))
        self.ledger.commit()

    def paths(self, **wanted: object) -> list[str]:
        """Those of all pages, two jobs at a time."""
        found: list[str] = []
        before: str | None = None
        while True:
            page = self.history.jobs(**wanted, before=before, limit=2)
            found += [job.path for job in page.jobs]
            if page.before is None:
                return found
            before = page.before


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    kept = Kept(tmp_path, monkeypatch)
    with contextlib.closing(kept.ledger):
        yield kept


def test_a_listener_that_has_never_run_is_one_sentence(tmp_path):
    history = History(tmp_path / LEDGER)
    for call in (history.counts, history.failures, history.jobs, lambda: history.job("a.jpg")):
        with pytest.raises(FleetError, match=r"^There is no ledger .*: name the folder of the results with --output"):
            call()


def test_every_state_is_counted_at_once(kept):
    kept.add("a.jpg", "b.jpg")
    kept.done("b.jpg")
    kept.failed("c.jpg")
    kept.ledger.skip("old.jpg", V1)
    kept.ledger.leave_alone({".dng": 3})
    kept.ledger.pause()
    kept.ledger.commit()
    counts = kept.history.counts()
    assert (counts.pending, counts.done, counts.failed, counts.skipped) == (1, 1, 1, 1)
    assert (counts.left_alone, counts.paused) == ({".dng": 3}, pytest.approx(kept.now))
    kept.done("b.jpg", V2)
    kept.ledger.forget("b.jpg")
    kept.ledger.forget("a.jpg")
    kept.ledger.commit()
    counts = kept.history.counts()
    assert (counts.pending, counts.done, counts.failed, counts.skipped) == (0, 0, 1, 1)


def test_what_is_not_committed_is_not_told(kept):
    kept.add("a.jpg")
    kept.ledger.add("b.jpg", V1, fresh=False)
    assert kept.history.counts().pending == 1


def test_failures_are_grouped_by_reason(kept):
    for path in ("a.jpg", "b.jpg", "c.jpg"):
        kept.failed(path)
    kept.failed("d.jpg", "Damaged.")
    kept.failed("e.jpg", "It will pass.", transient=True)
    kept.ledger.retry("e.jpg", V1)
    kept.failed("b.jpg", "Damaged.")
    kept.ledger.commit()
    damaged, empty = kept.history.failures()
    assert damaged == Reason("Damaged.", 2, "b.jpg", pytest.approx(kept.now, abs=5))
    assert (empty.reason, empty.n, empty.path) == (EMPTY, 2, "c.jpg")
    assert len(kept.history.failures(limit=1)) == 1
    for path in "abcd":
        kept.done(f"{path}.jpg")
    assert kept.history.failures() == []


def test_lists_go_from_the_newest_to_the_oldest_a_page_at_a_time(kept):
    kept.done("a.jpg")
    kept.failed("b.jpg")
    kept.add("c.jpg")
    kept.done("d.jpg")
    kept.ledger.skip("e.jpg", V1)
    kept.failed("f.jpg", "Damaged.")
    assert kept.paths() == ["f.jpg", "d.jpg", "c.jpg", "b.jpg", "a.jpg"]
    assert kept.paths(state="done") == ["d.jpg", "a.jpg"]
    assert kept.paths(state="failed") == ["f.jpg", "b.jpg"]
    assert kept.paths(state="pending") == ["c.jpg"]
    assert kept.paths(state="skipped") == ["e.jpg"]
    assert kept.paths(reason="amag") == ["f.jpg"]
    assert kept.paths(state="done", reason="amag") == []
    (done, _) = kept.history.jobs("done").jobs
    assert kept.paths(since=done.at) == ["f.jpg", "d.jpg"]


def test_a_page_goes_on_where_the_one_before_ended_whatever_has_happened_meanwhile(kept):
    for n in range(6):
        kept.done(f"{n}.jpg")
    first = kept.history.jobs(limit=2)
    kept.done("new.jpg")
    kept.done("3.jpg")
    second = kept.history.jobs(before=first.before, limit=2)
    assert [job.path for job in (*first.jobs, *second.jobs)] == ["5.jpg", "4.jpg", "2.jpg", "1.jpg"]


def test_objects_of_one_instant_and_of_several_sources_are_all_listed_once(kept, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2_000_000.0)
    with contextlib.closing(Ledger(kept.file, "/other", "r2")) as other:
        for ledger in (kept.ledger, other):
            for path in ("a.jpg", "b.jpg", "c.jpg"):
                ledger.add(path, V1, fresh=False)
                ledger.done(path, V1, Result(b"j", OUTPUTS, {}), engine="e", write=0.0, turnaround=1.0)
            ledger.commit()
    assert kept.paths() == ["c.jpg", "c.jpg", "b.jpg", "b.jpg", "a.jpg", "a.jpg"]
    history = History(kept.file, "/other")
    assert [(job.source, job.path) for job in history.jobs(limit=1).jobs] == [("/other", "c.jpg")]
    assert history.counts().done == 3
    with pytest.raises(FleetError, match="knows no source /none: it knows /other, /photos"):
        History(kept.file, "/none").counts()


def test_a_part_of_the_path_is_found_and_means_nothing_else(kept):
    for path in ("Trip/IMG_1.jpg", "trip/100%.jpg", "other/img11.jpg", "back\\slash.jpg", "\udcff_.jpg"):
        kept.done(path)
    assert kept.paths(path="img_1") == ["Trip/IMG_1.jpg"]
    assert kept.paths(path="trip/") == ["trip/100%.jpg", "Trip/IMG_1.jpg"]
    assert kept.paths(path="%") == ["trip/100%.jpg"]
    assert kept.paths(path="\\") == ["back\\slash.jpg"]
    assert kept.paths(path="\udcff") == ["\udcff_.jpg"]


def test_a_search_looks_at_a_part_of_a_large_ledger_at_a_time(kept, monkeypatch):
    for n in range(9):
        kept.done(f"{n}.jpg")
        kept.failed(f"bad {n}.jpg")
    monkeypatch.setattr(pages, "SCAN", 3)
    assert kept.paths(path="0.jpg") == ["bad 0.jpg", "0.jpg"]
    assert kept.paths(state="done", path="none") == []
    assert sorted(kept.paths()) == sorted([*(f"{n}.jpg" for n in range(9)), *(f"bad {n}.jpg" for n in range(9))])
    first = kept.history.jobs("done", path="1.jpg", limit=5)
    assert (first.jobs, first.before is None) == ((), False)


@pytest.mark.parametrize("key", ["", "x", "W10=", "eyJhIjoxfQ==", "WzEsICJ6eiIsICIiXQ==", "\u00e9"])
def test_what_is_no_key_of_a_page_is_one_sentence(kept, key):
    with pytest.raises(FleetError, match="This is not the key of a page"):
        kept.history.jobs(before=key)


def test_what_is_no_state_is_one_sentence(kept):
    with pytest.raises(FleetError, match="An image is pending, failed, done or skipped, and not 'lost'"):
        kept.history.jobs("lost")


# --- one job ----


def test_the_whole_story_of_an_image(kept):
    kept.failed("a.jpg", "No worker finished.", transient=True)
    kept.done("a.jpg")
    kept.done("a.jpg", V2, job_of("b"))
    story = kept.history.job("a.jpg")
    assert (story.job.state, story.job.size, story.job.worker, story.job.seconds) == ("done", 200, "host/1", 1.6)
    assert story.job.id == short_id(job_of("b"))
    assert story.job.outputs[0] == Output("edges", "png", 3, "edges/a.jpg.png")
    assert story.job.stages == pytest.approx(
        {"queue": 1.0, "decode": 0.1, "filter": 0.2, "encode": 0.3, "write": 0.5, "total": 2.1}
    )
    endings = [(attempt.ending, attempt.id, attempt.worker, attempt.reason) for attempt in story.attempts]
    first = short_id(job_of("a.jpg"))
    assert endings == [
        ("transient", first, "host/2", "No worker finished."),
        ("done", first, "host/1", None),
        ("done", short_id(job_of("b")), "host/1", None),
    ]


def test_a_result_that_was_replaced_stays_in_the_story(kept):
    for _ in range(30):
        kept.done("a.jpg")
    attempts = kept.history.job("a.jpg").attempts
    assert [attempt.ending for attempt in attempts] == ["done"] * 20
    assert attempts == tuple(sorted(attempts, key=lambda attempt: attempt.ended))


def test_an_image_is_found_by_its_job_in_every_state(kept):
    kept.done("done.jpg")
    kept.failed("failed.jpg")
    kept.add("pending.jpg")
    kept.ledger.set_job("pending.jpg", V1, job_of("pending.jpg"))
    kept.ledger.commit()
    for path in ("done.jpg", "failed.jpg", "pending.jpg"):
        job = job_of(path).hex()
        assert [kept.history.job(job[:digits]).job.path for digits in (6, 12, 64, 128)] == [path] * 4
        assert kept.history.job(job[:8].upper()).job.path == path
        assert kept.history.paths([job[:16], "00ff00ff"]) == {job[:16]: path}
    assert kept.history.job("failed.jpg").attempts[-1] == Attempt(
        "failed", pytest.approx(kept.now, abs=10), short_id(job_of("failed.jpg")), "host/2", 2.0, EMPTY
    )


def test_images_with_the_same_content_are_twins(kept):
    for path in ("a.jpg", "b.jpg", "c.jpg"):
        kept.done(path, job=job_of("same"))
    story = kept.history.job(short_id(job_of("same")))
    assert (story.job.path, story.twins) == ("c.jpg", ("a.jpg", "b.jpg"))


def test_what_several_jobs_begin_with_is_one_sentence(kept):
    kept.done("a.jpg", job=bytes.fromhex("abcdef" + "00" * 61))
    kept.done("b.jpg", job=bytes.fromhex("abcdef" + "11" * 61))
    with pytest.raises(FleetError, match=r"^Several jobs begin with abcdef: .* such as abcdef000000, abcdef111111\.$"):
        kept.history.job("abcdef")
    kept.done("abcdef")
    assert kept.history.job("abcdef").job.path == "abcdef", "a path is what it is called"


@pytest.mark.parametrize("text", ["none.jpg", "abc", "", "ffffffffffff", "\x1b[2J"])
def test_what_the_ledger_does_not_know_is_one_sentence(kept, text):
    kept.done("a.jpg")
    with pytest.raises(FleetError, match=r"^The ledger knows no (job|image) .*: give an image's path") as raised:
        kept.history.job(text)
    assert "\x1b" not in str(raised.value)


# --- minutes ----


def test_minutes_and_stages_add_up(kept):
    began = kept.now
    for n in range(90):
        kept.done(f"{n}.jpg")
    kept.failed("bad.jpg")
    minutes = kept.history.minutes(began)
    assert sum(minute.done for minute in minutes) == 90
    assert sum(minute.bytes for minute in minutes) == 9000
    assert sum(minute.failed for minute in minutes) == 1
    assert len(minutes) > 2
    assert all(minute.at % 60 == 0 for minute in minutes)
    stages = {stage.name: stage for stage in kept.history.stages(began)}
    assert [*stages] == [*STAGES]
    assert (stages["decode"].n, stages["decode"].p50) == (90, pytest.approx(0.1, rel=0.05))
    assert stages["total"].p99 == pytest.approx(2.1, rel=0.05)
    later = kept.history.minutes(kept.now - 60)
    assert 0 < sum(minute.done for minute in later) < 90


def test_what_was_rolled_back_is_in_no_minute(kept):
    kept.done("a.jpg")
    kept.ledger.add("b.jpg", V1, fresh=False)
    kept.ledger.done("b.jpg", V1, Result(b"j", OUTPUTS, REPORT), engine="e", write=0.0, turnaround=1.0)
    kept.ledger.close()  # as a kill would
    with contextlib.closing(Ledger(kept.file, "/photos", "r1")) as ledger:
        ledger.commit()
    assert sum(minute.done for minute in kept.history.minutes(0.0)) == 1


@given(st.lists(st.floats(min_value=LEAST, max_value=50.0), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_within_five_percent(seconds, share):
    histogram = histogram_of([(one,) * len(STAGES) for one in seconds])
    assert unpacked(packed(histogram)) == histogram
    cells = cells_of(histogram)["filter"]
    exact = sorted(seconds)[max(1, -(-int(share * 100) * len(seconds) // 100)) - 1]
    assert quantile(cells, share) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("seconds", [None, -1.0, float("nan"), float("inf")])
def test_a_worker_may_report_any_time(seconds):
    assert histogram_of([(seconds,) * len(STAGES)]) == 0


def test_times_beyond_the_histogram_are_in_its_first_and_last_bucket():
    cells = cells_of(histogram_of([(0.0,) * len(STAGES), (1e9,) * len(STAGES)]))["queue"]
    assert (cells[0], cells[BUCKETS - 1], sum(cells)) == (1, 1, 2)
    assert quantile(cells, 0.5) == LEAST
    assert 50 < quantile(cells, 1.0) < 55
    assert quantile([0] * BUCKETS, 0.5) == 0.0
    assert unpacked(b"junk") == 0


def test_a_page_of_nothing_is_empty(kept):
    assert kept.history.jobs() == Page((), None)
    assert kept.history.failures() == []
    assert kept.history.minutes(0.0) == []
