"""How throughput grows with the number of workers, and which laws explain it."""

from __future__ import annotations

from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts.scalability import STRONG, WEAK
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.scaling import Usl, efficiency, fit_usl, scaled_speedup, serial_fraction
from filterfleet.bench.analysis.words import listed, number, percent

OVER = "oversubscribed"


def scaling(part: Part) -> Section:
    section = Section("Scalability")
    cores = int(part.settings["cores"])
    strong, weak = medians(part, STRONG), medians(part, WEAK)
    law = fit_usl(strong)
    section.sentences += _words(strong, law, cores)
    section.plots.append(
        Plot(
            "Throughput over the number of workers, and Gunther's law through the medians (dashed). On the grey ground "
            "there are more workers than cores.",
            partial(_drawn, strong, weak, law, cores),
        )
    )
    section.tables += [_strong(part, strong, cores), _weak(part, strong, weak, cores)]
    return section


def medians(part: Part, group: str) -> dict[int, float]:
    """Images a second, by the number of workers."""
    found = {
        int(one.x): figure_of(one.samples).median for one in part.series if one.group == group and one.x is not None
    }
    return dict(sorted(found.items()))


def most_with_a_core_each(strong: dict[int, float], cores: int) -> int:
    return max(workers for workers in strong if workers <= cores)


def _spreads(part: Part, group: str) -> dict[int, tuple[str, str]]:
    """n and spread, by the number of workers."""
    figures = {int(one.x): figure_of(one.samples) for one in part.series if one.group == group and one.x is not None}
    return {workers: (str(figure.n), f"± {percent(figure.spread)}") for workers, figure in figures.items()}


def _strong(part: Part, strong: dict[int, float], cores: int) -> Table:
    rows, spreads = [], _spreads(part, STRONG)
    for workers, rate in strong.items():
        speedup = rate / strong[1]
        serial = number(serial_fraction(speedup, workers)) if workers > 1 else ""
        over = OVER if workers > cores else ""
        figures = (number(rate), spreads[workers][1], number(speedup), percent(efficiency(speedup, workers)), serial)
        rows.append((str(workers), spreads[workers][0], *figures, over))
    columns = ("workers", "n", "images/s", "spread", "speed-up", "efficiency", "serial fraction (Karp-Flatt)", "")
    return Table("Strong scaling: the same photographs for any number of workers.", columns, tuple(rows))


def _weak(part: Part, strong: dict[int, float], weak: dict[int, float], cores: int) -> Table:
    fraction, spreads = _serial_share(strong, cores), _spreads(part, WEAK)
    rows = tuple(
        (
            str(workers),
            *spreads[workers][:1],
            number(rate),
            spreads[workers][1],
            number(rate / weak[1]),
            number(scaled_speedup(fraction, workers)) if workers <= cores else "",
            OVER if workers > cores else "",
        )
        for workers, rate in weak.items()
    )
    columns = ("workers", "n", "images/s", "spread", "scaled speed-up", "Gustafson, of the serial fraction above", "")
    return Table("Weak scaling: photographs in proportion to the workers.", columns, rows)


def _serial_share(strong: dict[int, float], cores: int) -> float:
    """Karp and Flatt's fraction at the largest number of workers that has a core for each of them, never below 0."""
    most = most_with_a_core_each(strong, cores)
    return max(0.0, serial_fraction(strong[most] / strong[1], most)) if most > 1 else 0.0


def _words(strong: dict[int, float], law: Usl, cores: int) -> list[str]:
    most = most_with_a_core_each(strong, cores)
    speedup = strong[most] / strong[1]
    peak = "has no peak" if law.peak == float("inf") else f"has its peak at {number(law.peak)} workers"
    said = (
        f"With {most} workers, one for each core of this machine at most, the fleet is {number(speedup)} times as fast "
        f"as with one, an efficiency of {percent(efficiency(speedup, most))}; Gunther's law through all points {peak} "
        f"(contention {number(law.contention)}, coherence {number(law.coherence)})."
    )
    over = [str(workers) for workers in strong if workers > cores]
    if not over:
        return [said]
    return [
        said,
        (
            f"This machine has {cores} cores, so the points for {listed(over)} workers are oversubscribed: they show "
            f"how it copes with more processes than cores, and nothing about larger machines."
        ),
    ]


def _drawn(strong: dict[int, float], weak: dict[int, float], law: Usl, cores: int) -> str:
    fitted = {float(workers): law.at(workers) for workers in range(1, max(strong) + 1)}
    rates = [
        plots.Curve("the same work", _floats(strong)),
        plots.Curve("work in proportion", _floats(weak)),
        plots.Curve("Gunther's law", fitted, "line", plots.BLUE),
    ]
    shares = {float(n): 100 * efficiency(rate / strong[1], n) for n, rate in strong.items()}
    over = cores + 0.5 if max(strong) > cores else None
    return plots.drawn(
        [
            plots.curves("Throughput", rates, "workers", "images/s", shaded_from=over, shaded=OVER),
            plots.curves("Efficiency", [plots.Curve("the same work", shares)], "workers", "%", shaded_from=over),
        ],
        3.3,
    )


def _floats(points: dict[int, float]) -> dict[float, float]:
    return {float(x): y for x, y in points.items()}
