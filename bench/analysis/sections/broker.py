"""The broker alone."""

from __future__ import annotations

from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of, grouped, percentile
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import broker
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.words import number


def brokering(part: Part) -> Section:
    section = Section("Broker")
    for title, group in grouped(part).items():
        rows = tuple(
            (
                f"{one.name}, {one.unit}",
                str(len(one.samples)),
                *(number(percentile(one.samples, share)) for share in (0.5, 0.99)),
            )
            for one in group
        )
        section.tables.append(Table(title, ("", "n", "p50", "p99"), rows))
    rates = [one for one in part.series if one.group == broker.RATE]
    ours = next(one for one in rates if one.ours)
    trips = next(one.samples for one in part.series if one.group == broker.TRIP and one.ours)
    section.sentences.append(
        f"One broker passes {number(figure_of(ours.samples).median)} tasks without work a second, results "
        f"included, and a round trip takes {number(percentile(trips, 0.5))} ms (p50) when there is nothing else to do."
    )
    faster = [one for one in rates if not one.ours and figure_of(one.samples).median > figure_of(ours.samples).median]
    if faster:
        best = max(faster, key=lambda one: figure_of(one.samples).median)
        section.sentences.append(
            f'"{best.name}" passes more: {number(figure_of(best.samples).median)} tasks a second, '
            f"{number(figure_of(best.samples).median / figure_of(ours.samples).median)} times as many."
        )
    elif len(rates) > len([one for one in rates if one.ours]):
        section.sentences.append("Nothing else that was measured passes more.")
    bars = sorted(((one.name, figure_of(one.samples).median, one.ours) for one in rates), key=lambda row: -row[1])
    section.plots.append(
        Plot("Tasks without work a second, on a logarithmic scale. Ours in blue.", partial(_drawn, bars))
    )
    return section


def _drawn(bars: list[tuple[str, float, bool]]) -> str:
    return plots.drawn([plots.bars("", bars, "tasks/s", log=True)], 0.7 + 0.3 * len(bars))
