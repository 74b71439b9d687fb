"""The history of a ledger in equal parts, as the dashboard's charts have it, and the stages of jobs in lists."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile, Result
from filterfleet.dashboard.charts import BARS, SPANS, STAGES, charts
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.histogram import BUCKETS, LEAST, bucket_of, mean
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import LEDGER

V1 = Version(100, 1)
HOUR = 3600.0
NOW = 1_800_000_000.0  # the beginning of a minute, and of an hour


class Kept:
    """A ledger whose clock is moved by hand."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr("time.time", lambda: self.now)
        self.ledger = Ledger(state / LEDGER, "/photos", "r1")
        self.history = History(state / LEDGER)

    def done(self, path: str, at: float, **seconds: float) -> None:
        self.now = at
        self.ledger.add(path, V1, fresh=False)
        report = {"decode": 0.1, "filter": 0.2, "encode": 0.3} | seconds
        result = Result(path.encode() * 4, (OutputFile("blur", "jpeg", 9),), report)
        work = report["decode"] + report["filter"] + report["encode"]
        self.ledger.done(path, V1, result, engine="cluster", write=0.5, turnaround=work + 0.4)
        self.ledger.commit()

    def failed(self, path: str, at: float) -> None:
        self.now = at
        self.ledger.add(path, V1, fresh=False)
        self.ledger.failed(path, V1, "Damaged.", transient=False)
        self.ledger.commit()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    kept = Kept(tmp_path, monkeypatch)
    with contextlib.closing(kept.ledger):
        yield kept


def test_each_part_has_what_ended_in_it(kept):
    kept.done("early.jpg", NOW - 60)
    for n in range(4):
        kept.done(f"{n}.jpg", NOW + 10 * n)
    kept.failed("bad.jpg", NOW + 59)
    kept.done("next.jpg", NOW + 60, filter=2.0)
    kept.done("late.jpg", NOW + 180)
    first, second, third = kept.history.parts(NOW + 30, 1, 3)
    assert (first.at, first.done, first.failed, first.bytes) == (NOW, 4, 1, 400)
    assert first.quantiles == pytest.approx((1.5, 1.5, 1.5), rel=0.06)
    assert first.means == pytest.approx(
        {"queue": 0.4, "decode": 0.1, "filter": 0.2, "encode": 0.3, "write": 0.5}, rel=0.06
    )
    assert (second.done, second.means["filter"]) == (1, pytest.approx(2.0, rel=0.06))
    assert (third.done, third.quantiles, third.means) == (0, None, {})


def test_of_long_parts_the_busiest_minutes_stand_for_all(kept):
    for minute in range(9):
        kept.done(f"slow-{minute}.jpg", NOW + 60 * minute, filter=40.0)
    for minute in range(10, 16):
        for n in range(2):
            kept.done(f"{minute}-{n}.jpg", NOW + 60 * minute, filter=0.01)
    (part,) = kept.history.parts(NOW, 60, 1)
    assert part.done == 21
    assert part.means["filter"] == pytest.approx(0.01, rel=0.06)


def test_lists_say_where_the_time_went(kept):
    kept.done("a.jpg", NOW)
    kept.failed("b.jpg", NOW + 1)
    bad, good = kept.history.jobs().jobs
    assert good.stages == pytest.approx(
        {"queue": 0.4, "decode": 0.1, "filter": 0.2, "encode": 0.3, "write": 0.5, "total": 1.5}
    )
    assert bad.stages == {}


def test_charts_have_sixty_bars_up_to_now(kept):
    kept.done("now.jpg", NOW + 5)
    kept.done("hour.jpg", NOW - HOUR + 61)
    kept.done("older.jpg", NOW - 2 * HOUR)
    kept.now = NOW + 10
    hour = charts(kept.history, "1h", NOW + 10)
    assert (hour["from"], hour["step"]) == (NOW - 59 * 60, 60)
    assert (hour["done"][-1], hour["done"][0], sum(hour["done"])) == (1, 1, 2)
    assert hour["p50"][-1] == pytest.approx(1.5, rel=0.06)
    assert hour["p50"][30] is None
    assert set(hour["stages"]) == set(STAGES)
    for span in SPANS:
        found = charts(kept.history, span, NOW + 10)
        assert {len(found[name]) for name in ("done", "failed", "p50", "p95", "p99")} == {BARS}
        assert found["from"] + BARS * found["step"] > NOW
    assert sum(charts(kept.history, "7d", NOW + 10)["done"]) == 3
    with pytest.raises(FleetError, match="1h, 24h, 7d"):
        charts(kept.history, "9y", NOW)


def test_the_mean_of_a_histogram():
    cells = [0] * BUCKETS
    assert mean(cells) == 0.0
    for seconds in (0.0, LEAST, 1.0, 1e9):
        only = list(cells)
        only[bucket_of(seconds)] = 7
        assert mean(only) == pytest.approx(min(seconds, 52.0) or LEAST / 2, rel=0.06)
