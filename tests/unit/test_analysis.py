"""The comparative analysis: laws of scaling, what became slower, and a report whose words follow from the numbers."""

from __future__ import annotations

import math

import pytest

from filterfleet.bench.analysis.check import worse
from filterfleet.bench.analysis.figures import figure_of, percentile
from filterfleet.bench.analysis.paper import as_html, as_markdown
from filterfleet.bench.analysis.parts import broker, faults, latency, memory, scalability
from filterfleet.bench.analysis.record import Analysis, Machine, Part, Series, Timeline, read, write
from filterfleet.bench.analysis.scaling import Usl, efficiency, fit_usl, scaled_speedup, serial_fraction
from filterfleet.bench.contenders import PLAIN
from filterfleet.common.errors import FleetError

MACHINE = Machine("a processor", 2, 8 << 30, "Linux", "3.11", {"numpy": "2"})
SMALL = "small: 40 photographs of 1 to 2 megapixels"


def throughput(ours: float = 1.0, busy: float = 1.0) -> Part:
    """ours: how fast our contenders are; busy: how slow the machine is."""
    part = Part()
    for name, rate, own in (
        (PLAIN, 10.0, False),
        ("up --once", 19.0 * ours, True),
        ("a pool", 17.0, False),
        ("fleet of 2, warm", 24.0 * ours, True),
        ("a pool, warm", 25.0, False),
    ):
        samples = [rate / busy * noise for noise in (1.0, 1.02, 0.99)]
        part.series.append(Series(SMALL, name, "images/s", "more", samples, reference=PLAIN, ours=own))
    return part


def analysis(**changed: Part) -> Analysis:
    scaled = Part({"cores": 2.0})
    for group in (scalability.STRONG, scalability.WEAK):
        for workers, rate in ((1, 20.0), (2, 38.0), (4, 36.0)):
            scaled.series.append(Series(group, "fleet", "images/s", "more", [rate] * 3, x=float(workers)))
    late = Part(series=[Series("stages", stage, "s", "less", [0.01, 0.02]) for stage in ("decode", "write")])
    late.series.append(Series("from upload to result", latency.IDLE, "s", "less", [0.1, 0.2]))
    alone = Part(series=[Series(broker.RATE, "200 bytes", "tasks/s", "more", [90_000.0])])
    alone.series.append(Series(broker.TRIP, "nothing else to do", "ms", "less", [0.4, 0.5]))
    struck = Part(series=[Series(faults.GROUP, "kill <b>", "s", "less", [0.5])])
    struck.counts = {f"kill <b>: {faults.LOST}": 0, f"kill <b>: {faults.DOUBLED}": 0}
    struck.timelines = [Timeline("kill <b>", {"kill <b>": 1.0}, [0.5, 1.5])]
    taken = Part(series=[Series(memory.GROUP, memory.OURS, "MB", "less", [100.0], x=1.0)])
    taken.series.append(Series(memory.FLEET, "broker", "MB", "less", [50.0], x=100.0))
    spent = "CPU s for 1,000 images"
    cost = Part(series=[Series("processor time", who, spent, "less", [2.0]) for who in ("broker", "worker")])
    parts = {
        "throughput": throughput(),
        "scalability": scaled,
        "latency": late,
        "broker": alone,
        "faults": struck,
        "memory": taken,
        "cost": cost,
    }
    return Analysis("2026-01-01", "filterfleet bench all", MACHINE, parts | changed, {"latency": 0.5}, 60.0)


def test_the_laws_of_scaling_give_back_what_was_put_in():
    law = Usl(10.0, 0.05, 0.002)
    found = fit_usl({n: law.at(n) for n in (1, 2, 4, 8)})
    assert (found.contention, found.coherence) == (pytest.approx(0.05), pytest.approx(0.002))
    assert found.peak == pytest.approx(math.sqrt(0.95 / 0.002))
    assert fit_usl({1: 10.0, 2: 20.0, 4: 40.0}).peak == math.inf
    assert fit_usl({1: 10.0, 2: 25.0}).contention == 0.0  # faster than its workers: no law has that
    assert serial_fraction(2 / 1.1, 2) == pytest.approx(0.1)
    assert efficiency(3.0, 4) == 0.75
    assert scaled_speedup(0.1, 4) == pytest.approx(3.7)


def test_figures():
    assert figure_of([3.0, 1.0, 2.0]).median == 2.0
    assert figure_of([3.0, 1.0, 2.0]).spread == 0.5
    assert [percentile(range(1, 101), share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]


def test_a_slow_down_is_found_and_a_busy_machine_is_none():
    old = analysis()
    assert not worse(old, analysis())
    assert not worse(old, analysis(throughput=throughput(busy=1.5)))
    found = worse(old, analysis(throughput=throughput(ours=1 / 1.2)))
    assert {one.name for one in found} == {"up --once", "fleet of 2, warm"}
    assert all(one.factor == pytest.approx(1.2, rel=0.01) for one in found)
    assert not worse(analysis(throughput=throughput(ours=1 / 1.2)), old)


def test_the_report_says_who_wins_whoever_that_is():
    said = " ".join(as_markdown([analysis()]).split())
    assert "up --once is the fastest of all with 1.90 times the plain program; a pool, the best peer, reaches" in said
    assert "a pool, warm is the fastest and beats ours with 2.50 times the plain program" in said
    assert "the points for 4 workers are oversubscribed" in said
    assert "Other programs used 50 % of the machine meanwhile." in said


def test_the_page_needs_nothing_else_and_shows_names_as_text():
    page = as_html([analysis()])
    assert page == as_html([analysis()])  # the same measurements give the same page
    assert "<b>" not in page
    assert "kill &lt;b&gt;" in page
    assert page.count("<svg") == 5
    assert not {"<script", "src=", "@import"} & {word for word in ("<script", "src=", "@import") if word in page}


def test_what_is_written_is_read_again(tmp_path):
    write(analysis(), tmp_path / "folder/analysis.json")
    assert read(tmp_path / "folder/analysis.json") == analysis()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "is not the JSON file of an analysis"),
        (b"\xff", "is not the JSON"),
        (None, "cannot be read: No such"),
    ],
)
def test_a_file_that_is_no_analysis_is_a_sentence(tmp_path, content, words):
    file = tmp_path / "analysis.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FleetError, match=words):
        read(file)
