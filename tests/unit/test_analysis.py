"""The comparative analysis: laws of scaling, what became slower, and a report whose words follow from the numbers."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path

import pytest

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.check import compared
from filterfleet.bench.analysis.figures import figure_of, percentile
from filterfleet.bench.analysis.paper import as_html, as_markdown
from filterfleet.bench.analysis.parts import beyond, broker, faults, latency, memory, scalability
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
        "beyond": model(),
        "throughput": throughput(),
        "scalability": scaled,
        "latency": late,
        "broker": alone,
        "faults": struck,
        "memory": taken,
        "cost": cost,
    }
    return Analysis("2026-01-01", "filterfleet bench all", MACHINE, parts | changed, {"latency": 0.5}, 60.0)


def model() -> Part:
    """Three brokers' worth of work, and a model that errs by a tenth."""
    part = Part({f"{way}: ms of a listener for an image": 2.5 for way in (beyond.VALUE, beyond.REFERENCE)})
    for name in beyond.FLEETS:
        part.series.append(Series(beyond.MEASURED, name, "images/s", "more", [50.0, 49.0, 51.0]))
        part.series.append(Series(beyond.PREDICTED, name, "images/s", "more", [55.0]))
        part.series.append(Series(beyond.SPENT, name, "ms", "less", [30.0, 31.0]))
        part.series.append(Series(beyond.SPENT_PREDICTED, name, "ms", "less", [31.0]))
    names = {f"{beyond.VALUE}, {line}": most for line, most in zip(beyond.LINES, (125.0, 900.0, 1200.0), strict=True)}
    for name, most in (names | {f"{beyond.REFERENCE}, {beyond.MIDDLE}": 9000.0}).items():
        for workers in beyond.CURVE:
            rate = min(most, 50.0 * workers)
            part.series.append(Series(beyond.FORMULA, name, "images/s", "more", [rate], float(workers)))
        for group in (beyond.SWEEP, beyond.BUSY, beyond.CODE, beyond.LATENCY):
            part.series.append(Series(group, name, "", "more", [0.95 * min(most, 400.0)], 8.0))
    return part


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
    assert not compared(old, analysis()).worse
    assert not compared(old, analysis(throughput=throughput(busy=1.5))).worse
    found = compared(old, analysis(throughput=throughput(ours=1 / 1.2))).worse
    assert {one.name for one in found} == {"up --once", "fleet of 2, warm"}
    assert all(one.factor == pytest.approx(1.2, rel=0.01) for one in found)
    assert not compared(analysis(throughput=throughput(ours=1 / 1.2)), old).worse


def noisy(seed: int, noise: float, slower: float = 1.0) -> Analysis:
    """Forty series in five rounds: half of them beside a reference, under a load that changes from round to round, and
    half alone, on a machine that is as fast as it happens to be in this run."""
    rng = random.Random(seed)
    part = Part()
    load = [rng.uniform(1, 3) for _ in range(5)]
    part.series.append(Series("g", "plain", "s", "less", load, ours=False))
    day = rng.uniform(1, 2)
    for number in range(20):
        factor = slower if number == 0 else 1.0
        beside = [factor * busy * rng.lognormvariate(0, noise) for busy in load]
        alone = [factor**3 * day * rng.lognormvariate(0, noise) for _ in load]
        part.series.append(Series("g", f"beside {number}", "s", "less", beside, reference="plain"))
        part.series.append(Series("h", f"alone {number}", "s", "less", alone))
    return Analysis("2026-01-01", "c", MACHINE, {"throughput": part}, {}, 1.0)


def test_noise_is_not_taken_for_a_slow_down():
    for noise in (0.02, 0.1, 0.3):
        told = [one for seed in range(50) for one in compared(noisy(seed, noise), noisy(1000 + seed, noise)).worse]
        assert len(told) <= 6, noise  # of 2,000 comparisons


def test_a_slow_down_of_a_fifth_is_found_in_usual_noise():
    found = [compared(noisy(seed, 0.03), noisy(1000 + seed, 0.03, 1.2)).worse for seed in range(50)]
    assert sum("beside 0" in {one.name for one in told} for told in found) >= 45
    assert sum("alone 0" in {one.name for one in told} for told in found) >= 45


def test_two_samples_say_nothing_of_noise():
    old, new = noisy(1, 0.01), noisy(2, 0.01, 2.0)
    for run in (old, new):
        for one in run.parts["throughput"].series:
            del one.samples[2:]
    verdict = compared(old, new)
    assert (verdict.worse, verdict.judged, verdict.too_few) == ([], 0, 40)


def test_the_report_says_who_wins_whoever_that_is():
    said = " ".join(as_markdown([analysis()]).split())
    assert 'Ours wins 1 of 2 contests with other systems. Its best is "fleet of 2, warm", at 2.40 times the' in said
    assert '"a pool, warm" beats ours among systems that are up on small photographs (1.04 times as fast as' in said
    assert "the points for 4 workers are oversubscribed" in said
    assert "One broker passes 900 images a second when they come by value over a line of 10 Gb/s, 125 over one" in said
    assert "and 9,000 images a second when they come by reference. That takes about 32 workers by value over" in said
    assert "10 Gb/s, and 256 by reference; with fewer, the workers are the limit." in said
    assert "misses the throughput of the fleets measured here by 10 % at most (by value, 1 worker)" in said
    assert "and their processor time by 2 %" in said
    assert "the formula misses the simulation by 5 % at most" in said
    assert "One listener manages 400 images a second by value and 400 images a second by reference" in said
    assert "Other programs used 50 % of the machine meanwhile." in said


def test_rounds_that_do_not_agree_are_nobodys_win():
    part = throughput()
    part.series[-1].samples = [26.0, 22.0, 25.0]
    assert "the rounds do not agree for systems that are up on small photographs" in " ".join(
        as_markdown([analysis(throughput=part)]).split()
    )


def test_the_same_measurements_give_the_same_plot():
    once, again = (plots.drawn([plots.steps("t", {"a": [1.0, 2.0]}, "ms")], 2.0) for _ in range(2))
    assert once == again


def test_several_machines_stand_side_by_side(monkeypatch):
    monkeypatch.setattr(plots, "drawn", lambda *_, **__: "<svg></svg>")
    other = analysis()
    other.machine = Machine("another <processor>", 16, 64 << 30, "Linux", "3.12", {})
    page = as_html([analysis(), other])
    assert page.count("<svg") == 16
    assert page.count('<div class="columns">') == 9  # the set-up, and eight parts
    assert "another &lt;processor&gt;, 16 cores" in page
    assert "### a processor, 2 cores" in as_markdown([analysis(), other])


def test_a_part_without_its_measurements_is_a_sentence():
    with pytest.raises(FleetError, match="The part memory of the analysis lacks measurements"):
        as_markdown([analysis(memory=Part())])


def test_the_page_needs_nothing_else_and_shows_names_as_text():
    page = as_html([analysis()])
    assert "kill <b>" not in page
    assert "kill &lt;b&gt;" in page
    assert page.count("<svg") == 8  # one for each section
    assert not {"<script", "src=", "@import"} & {word for word in ("<script", "src=", "@import") if word in page}


def test_what_is_written_is_read_again(tmp_path):
    file = tmp_path / "folder/analysis.json"
    write(analysis(), file)
    found = read(file)
    assert found.parts["faults"] == analysis().parts["faults"]
    samples = (run.parts["throughput"].series[0].samples for run in (found, analysis()))
    assert next(samples) == pytest.approx(next(samples), rel=1e-5)
    written = file.read_bytes()
    write(found, file)
    assert file.read_bytes() == written


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


# --- docs/ ----

DOCS = Path(__file__).parents[2] / "docs"
SVG = re.compile("<svg.*?</svg>", re.DOTALL)


def test_the_documentation_is_what_the_report_makes_of_its_measurements(monkeypatch):
    measured = [read(DOCS / "analysis.json")]
    again = "`make bench`, or `filterfleet bench report docs/analysis.json --output docs`, writes it anew"
    assert (DOCS / "analysis.md").read_text() == as_markdown(measured), again
    # Other versions of matplotlib draw other lines.
    monkeypatch.setattr(plots, "drawn", lambda *_, **__: "<svg></svg>")
    assert SVG.sub("<svg></svg>", (DOCS / "analysis.html").read_text()) == as_html(measured), again
