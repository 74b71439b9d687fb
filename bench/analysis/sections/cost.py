"""What the distribution of images costs."""

from __future__ import annotations

from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of, grouped
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.words import number, percent


def cost(part: Part) -> Section:
    section = Section("Cost")
    for title, group in grouped(part).items():
        rows = []
        for one in group:
            figure = figure_of(one.samples)
            rows.append((one.name, str(figure.n), number(figure.median), f"± {percent(figure.spread)}"))
        section.tables.append(Table(title, ("", "n", group[0].unit, "spread"), tuple(rows)))
    spent = {one.name: figure_of(one.samples).median for one in part.series if one.unit.startswith("CPU")}
    overhead = spent.get("broker", 0.0) + spent.get("listener", 0.0)
    section.sentences.append(
        f"Broker and listener together take {number(overhead)} ms of processor time for each image, which is "
        f"{percent(overhead / sum(spent.values()))} of all; the workers take the rest."
    )
    carried = next((figure_of(one.samples).median for one in part.series if one.unit.startswith("bytes")), None)
    if carried is not None:
        section.sentences.append(f"{number(carried)} bytes pass to and from the broker for each byte of an image.")
    bars = sorted(((name, value, True) for name, value in spent.items()), key=lambda row: -row[1])
    section.plots.append(
        Plot(
            "Processor time of each role for 1,000 images.",
            partial(_drawn, bars),
        )
    )
    return section


def _drawn(bars: list[tuple[str, float, bool]]) -> str:
    return plots.drawn([plots.bars("", bars, "CPU seconds for 1,000 images")], 0.7 + 0.3 * len(bars))
