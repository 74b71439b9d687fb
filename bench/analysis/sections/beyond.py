"""Simulated fleets that are larger than any machine here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of, percentile
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import beyond
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.words import listed, number, percent

Points = dict[str, dict[float, float]]  # by name, over the number of workers
SATURATED = 0.98  # share of the largest fleet's rate: from there on, more workers hardly help
MANY_BROKERS = " brokers"


def beyond_this_machine(part: Part) -> Section:
    section = Section("Beyond this machine")
    simulated, formula = _points(part, beyond.SWEEP), _points(part, beyond.FORMULA)
    section.sentences += [_saturation(formula), _validation(part, simulated, formula)]
    section.plots.append(
        Plot(
            "Images a second over the number of workers, on logarithmic scales: simulated (points), and by the formula "
            "(lines). Left: one broker, by the line to its machine. Right: several brokers with lines of 10 Gb/s.",
            partial(_drawn, simulated, formula),
        )
    )
    section.tables += [
        _predictions(part, beyond.MEASURED, beyond.PREDICTED),
        _predictions(part, beyond.SPENT, beyond.SPENT_PREDICTED),
        _saturations(formula),
        _fleets(part, simulated, formula),
        _costs(part),
    ]
    section.notes += _limits(part)
    return section


def _points(part: Part, group: str) -> Points:
    found: Points = {}
    for one in part.series:
        if one.group == group:
            found.setdefault(one.name, {})[one.x or 0.0] = figure_of(one.samples).median
    return found


def _errors(part: Part, group: str, prediction: str) -> dict[str, float]:
    """By which share the prediction of each fleet that was measured is too high."""
    measured = {one.name: one.samples for one in part.series if one.group == group}
    predicted = {one.name: one.samples for one in part.series if one.group == prediction}
    return {
        name: figure_of(predicted[name]).median / figure_of(samples).median - 1 for name, samples in measured.items()
    }


def _saturated_from(points: Mapping[float, float]) -> float:
    """The smallest fleet of a curve that does nearly as much as any."""
    most = max(points.values())
    return min(workers for workers, rate in points.items() if rate >= SATURATED * most)


def _saturation(formula: Points) -> str:
    said = []
    for way, line in ((beyond.VALUE, beyond.MIDDLE), (beyond.REFERENCE, beyond.MIDDLE)):
        points = formula[f"{way}, {line}"]
        said.append(f"{number(max(points.values()))} images a second when they come {way}")
    slow = formula[f"{beyond.VALUE}, 1 Gb/s"]
    by_value = _saturated_from(formula[f"{beyond.VALUE}, {beyond.MIDDLE}"])
    by_reference = _saturated_from(formula[f"{beyond.REFERENCE}, {beyond.MIDDLE}"])
    return (
        f"One broker passes {said[0]} over a line of {beyond.MIDDLE}, {number(max(slow.values()))} over one of 1 Gb/s, "
        f"and {said[1]}. That takes about {by_value:,.0f} workers by value over {beyond.MIDDLE}, and "
        f"{by_reference:,.0f} by reference; with fewer, the workers are the limit."
    )


def _validation(part: Part, simulated: Points, formula: Points) -> str:
    rates = _errors(part, beyond.MEASURED, beyond.PREDICTED)
    times = _errors(part, beyond.SPENT, beyond.SPENT_PREDICTED)
    worst = max(rates, key=lambda name: abs(rates[name]))
    differs = max(
        abs(formula[name][workers] / rate - 1)
        for name, points in simulated.items()
        for workers, rate in points.items()
        if workers in formula[name]
    )
    return (
        f"The model misses the throughput of the fleets measured here by {percent(abs(rates[worst]))} at most "
        f"({worst}), and their processor time by {percent(max(map(abs, times.values())))}; the formula misses the "
        f"simulation by {percent(differs)} at most."
    )


def _predictions(part: Part, group: str, prediction: str) -> Table:
    errors, rows, unit = _errors(part, group, prediction), [], ""
    predicted = {one.name: figure_of(one.samples).median for one in part.series if one.group == prediction}
    for one in part.series:
        if one.group == group:
            figure, unit = figure_of(one.samples), one.unit
            measured = (str(figure.n), number(figure.median), f"± {percent(figure.spread)}")
            rows.append((one.name, *measured, number(predicted[one.name]), f"{100 * errors[one.name]:+.1f} %"))
    columns = ("fleet", "n", f"measured, {unit}", "spread", "predicted", "error")
    return Table(f"{group[0].upper()}{group[1:]}, and what the model says of them.", columns, tuple(rows))


def _saturations(formula: Points) -> Table:
    rows = tuple(
        (name, number(max(points.values())), f"{_saturated_from(points):,.0f}") for name, points in formula.items()
    )
    columns = ("", "images/s at most", "workers from which on it is so")
    return Table("Where brokers, or the lines to them, are saturated, by the formula.", columns, rows)


def _fleets(part: Part, simulated: Points, formula: Points) -> Table:
    busy, code = _points(part, beyond.BUSY), _points(part, beyond.CODE)
    waits = {(one.name, one.x): one.samples for one in part.series if one.group == beyond.LATENCY}
    rows = []
    for name, points in simulated.items():
        for workers, rate in sorted(points.items()):
            wait = waits.get((name, workers))
            latency = [number(1000 * percentile(wait, share)) if wait else "" for share in (0.5, 0.95)]
            law = formula[name].get(workers)
            figures = (number(rate), "" if law is None else number(law), percent(busy[name][workers]))
            rows.append((name, f"{workers:,.0f}", *figures, *latency, number(code[name][workers])))
    columns = (
        *("images, line", "workers", "images/s", "by formula", "broker works"),
        *("fresh upload p50, ms", "p95, ms", "µs of the real core"),
    )
    title = "Simulated fleets under a backfill, with fresh uploads among it."
    return Table(title, columns, tuple(rows))


def _costs(part: Part) -> Table:
    rows = tuple(
        (name, number(value)) for name, value in part.settings.items() if isinstance(value, float | int) and value
    )
    return Table("What was measured here and goes into the model.", ("", ""), rows)


def _limits(part: Part) -> list[str]:
    listener = {
        way: float(part.settings[f"{way}: ms of a listener for an image"]) for way in (beyond.VALUE, beyond.REFERENCE)
    }
    most = [f"{number(1000 / ms)} images a second {way}" for way, ms in listener.items() if ms]
    said = [
        (
            "Workers have one thread and one core each, brokers and listeners a core of their own; there are as many "
            "listeners as the fleet needs, and images of 1 to 2 megapixels, which travel in one message."
        ),
        "By reference, images and outputs pass a shared file system, which is not part of the model.",
        (
            "A broker turns away workers beyond 4,096 unless its setting `peers` allows more, as it does in the "
            "simulation."
        ),
    ]
    if most:
        said.insert(1, f"One listener manages {listed(most)} on a core like those here.")
    return said


def _drawn(simulated: Points, formula: Points) -> str:
    def panel(title: str, names: list[tuple[str, str]]) -> plots.Draw:
        lines = []
        for place, (name, label) in enumerate(names):
            colour = plots.COLOURS[place]
            lines.append(plots.Curve(label, formula[name], "line", colour))
            if name in simulated:
                lines.append(plots.Curve("", simulated[name], "points", colour))
        return plots.curves(title, lines, "workers", "images/s", log="xy")

    one = [(name, name) for name in formula if MANY_BROKERS not in name]
    several = [(name, name.replace(f", {beyond.MIDDLE}", "")) for name in formula if MANY_BROKERS in name]
    panels = [("One broker", one), ("Several brokers", several)]
    return plots.drawn([panel(title, names) for title, names in panels if names], 3.8)
