"""The sections of the report. Their words follow from the measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of, gain, grouped, percentile, reference_of
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import broker, faults, latency, memory, scalability
from filterfleet.bench.analysis.record import Analysis, Part, Series
from filterfleet.bench.analysis.scaling import Usl, efficiency, fit_usl, scaled_speedup, serial_fraction


def number(value: float) -> str:
    """Three significant digits, or whole numbers with commas."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


# --- throughput and cost ----


def throughput(part: Part) -> Section:
    section = Section("Throughput")
    for title, group in grouped(part).items():
        section.tables.append(_comparison(title, group))
        if group[0].better == "more":
            section.sentences.append(_ranking(title, group))
            ranked = sorted(group, key=lambda one: -_ratio(one, group))
            words = f"Speed as a multiple of the plain program; {title}. Ours in blue."
            values = [_ratio(one, group) for one in ranked]
            drawn = plots.bars(
                [one.name for one in ranked], values, [one.ours for one in ranked], "times the plain program"
            )
            section.plots.append(Plot(words, drawn))
    return section


def _ratio(one: Series, group: Sequence[Series]) -> float:
    reference = reference_of(one, group)
    return gain(one, reference).median if reference else 1.0


def _comparison(title: str, group: Sequence[Series]) -> Table:
    rows = []
    for one in group:
        figure, reference = figure_of(one.samples), reference_of(one, group)
        ratio = gain(one, reference) if reference else None
        against = (number(ratio.median), f"{number(ratio.low)} to {number(ratio.high)}") if ratio else ("", "")
        rows.append((one.name, str(figure.n), number(figure.median), f"± {percent(figure.spread)}", *against))
    columns = ("", "n", group[0].unit, "spread", f"times {group[0].reference.partition(',')[0]}", "from round to round")
    return Table(title, columns, tuple(rows))


def _ranking(title: str, group: Sequence[Series]) -> str:
    """Says who wins, whoever that is, within whole commands and within warm systems."""
    load = title.partition(":")[0]
    said = []
    for words, warm in (("whole commands", False), ("systems that are up", True)):
        field = [one for one in group if one.name.endswith(", warm") is warm]
        ours = max((one for one in field if one.ours), key=lambda one: _ratio(one, group), default=None)
        peers = [one for one in field if not one.ours and one.name != one.reference]
        peer = max(peers, key=lambda one: _ratio(one, group), default=None)
        if ours is None or peer is None:
            continue
        first, second = sorted((ours, peer), key=lambda one: -_ratio(one, group))
        said.append(
            f"Of the {words} on {load} photographs, {first.name} is the fastest "
            f"{'of all' if first.ours else 'and beats ours'} with {number(_ratio(first, group))} times the plain "
            f"program; "
            f"{second.name}, the best {'peer' if first.ours else 'of ours'}, reaches {number(_ratio(second, group))}."
        )
    return " ".join(said)


def cost(part: Part) -> Section:
    section = Section("Cost")
    groups = grouped(part)
    for title, group in groups.items():
        rows = tuple(
            (
                one.name,
                str(len(one.samples)),
                number(figure_of(one.samples).median),
                f"± {percent(figure_of(one.samples).spread)}",
            )
            for one in group
        )
        section.tables.append(Table(title, ("", "n", group[0].unit, "spread"), rows))
    spent = {one.name: figure_of(one.samples).median for one in part.series if one.unit.startswith("CPU")}
    if spent:
        overhead = spent.get("broker", 0.0) + spent.get("listener", 0.0)
        section.sentences.append(
            f"Broker and listener together take {number(overhead)} ms of processor time for each image, which is "
            f"{percent(overhead / sum(spent.values()))} of all; the workers take the rest."
        )
    return section


# --- scalability ----


def scaling(part: Part) -> Section:
    section = Section("Scalability")
    cores = int(part.settings["cores"])
    strong = _medians(part, scalability.STRONG)
    law = fit_usl(strong)
    rows = []
    for workers, rate in strong.items():
        speedup = rate / strong[1]
        serial = number(serial_fraction(speedup, workers)) if workers > 1 else ""
        over = "oversubscribed" if workers > cores else ""
        rows.append((str(workers), number(rate), number(speedup), percent(efficiency(speedup, workers)), serial, over))
    columns = ("workers", "images/s", "speed-up", "efficiency", "Karp-Flatt serial fraction", "")
    section.tables.append(Table("Strong scaling: the same photographs for all", columns, tuple(rows)))
    weak = _medians(part, scalability.WEAK)
    fraction = _serial_share(strong, cores)
    grown = tuple(
        (str(n), number(rate), number(rate / weak[1]), number(scaled_speedup(fraction, n))) for n, rate in weak.items()
    )
    section.tables.append(
        Table(
            "Weak scaling: photographs in proportion to the workers",
            ("workers", "images/s", "scaled speed-up", "Gustafson, from the serial fraction above"),
            grown,
        )
    )
    section.sentences += _scaling_words(strong, law, cores)
    fitted = {float(n): law.at(n) for n in range(1, max(strong) + 1)}
    lines = {"the same work": _floats(strong), "work in proportion": _floats(weak), "USL through the first": fitted}
    section.plots.append(
        Plot(
            "Throughput over the number of workers.",
            plots.curves(lines, "workers", "images/s", dashed=("USL through the first",)),
        )
    )
    return section


def _floats(points: dict[int, float]) -> dict[float, float]:
    return {float(x): y for x, y in points.items()}


def _medians(part: Part, group: str) -> dict[int, float]:
    found = {int(one.x or 0): figure_of(one.samples).median for one in part.series if one.group == group}
    return dict(sorted(found.items()))


def _serial_share(strong: dict[int, float], cores: int) -> float:
    """Karp and Flatt's fraction at the largest number of workers that has a core for each of them, never below 0."""
    fitting = [n for n in strong if 1 < n <= cores]
    return max(0.0, serial_fraction(strong[fitting[-1]] / strong[1], fitting[-1])) if fitting else 0.0


def _scaling_words(strong: dict[int, float], law: Usl, cores: int) -> list[str]:
    most = max(n for n in strong if n <= cores)
    peak = "has no peak" if law.peak == float("inf") else f"has its peak at {number(law.peak)} workers"
    said = [
        (
            f"With {most} workers, one for each core of this machine at most, the fleet is "
            f"{number(strong[most] / strong[1])} "
            f"times as fast as with one."
        ),
        (
            f"Gunther's law through all points {peak}, with a contention of {number(law.contention)} and a coherence "
            f"of {number(law.coherence)}."
        ),
    ]
    over = [n for n in strong if n > cores]
    if over:
        listed = " and ".join(map(str, over))
        said.append(
            f"This machine has {cores} cores, so the points for {listed} workers are oversubscribed: they show that "
            f"more processes than cores do no harm, or what harm they do, and nothing about larger machines."
        )
    return said


# --- latency ----


def latencies(part: Part) -> Section:
    section = Section("Latency")
    for title, group in grouped(part).items():
        rows = tuple(
            (
                one.name,
                str(len(one.samples)),
                *(number(1000 * percentile(one.samples, share)) for share in (0.5, 0.95, 0.99)),
            )
            for one in group
        )
        section.tables.append(Table(f"{title}, in ms", ("", "n", "p50", "p95", "p99"), rows))
    uploads = {one.name: one.samples for one in part.series if one.group == "from upload to result"}
    if idle := uploads.get(latency.IDLE):
        section.sentences.append(
            f"In an idle fleet, the last result of a photograph is on disk {number(1000 * percentile(idle, 0.5))} ms "
            f"after its upload (p50; p99 {number(1000 * percentile(idle, 0.99))} ms)."
        )
    if during := uploads.get(latency.BACKFILL):
        section.sentences.append(
            f"While a backfill fills the fleet, a fresh upload takes {number(1000 * percentile(during, 0.5))} ms (p50)."
        )
    stages = {one.name: one.samples for one in part.series if one.group == "stages"}
    section.plots.append(
        Plot("How long each stage of an image takes in a loaded fleet.", plots.distributions(stages, "seconds"))
    )
    return section


# --- the broker ----


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
    rate = next(figure_of(one.samples).median for one in part.series if one.group == broker.RATE)
    trips = next(one.samples for one in part.series if one.group == broker.TRIP)
    section.sentences.append(
        f"One broker passes {number(rate)} tasks a second whose work takes nothing, results included, and a round trip "
        f"takes {number(percentile(trips, 0.5))} ms (p50) when there is nothing else to do."
    )
    return section


# --- faults ----


def fault_tolerance(part: Part) -> Section:
    section = Section("Fault tolerance")
    pauses = {one.name: one.samples[0] for one in part.series if one.group == faults.GROUP}
    rows = []
    for name, pause in pauses.items():
        lost, doubled = (part.counts[f"{name}: {what}"] for what in (faults.LOST, faults.DOUBLED))
        rows.append((name, f"{pause:.1f}", str(lost), str(doubled)))
    columns = ("fault", "longest pause, s", faults.LOST, faults.DOUBLED)
    section.tables.append(Table("One fault in the middle of a batch", columns, tuple(rows)))
    wrong = sum(part.counts.values())
    section.sentences.append(
        f"Over {len(rows)} kinds of fault, {wrong or 'no'} outputs were lost, wrong or doubled; every byte was "
        f"compared with that of the sequential pipeline."
    )
    fates = {name: text for name, text in part.settings.items() if isinstance(text, str)}
    if fates:
        table = tuple((name.removesuffix(faults.KILLED), text) for name, text in fates.items())
        section.tables.append(
            Table("Other systems, when one of their workers is killed", ("system", "what happens"), table)
        )
    for line in part.timelines:
        section.plots.append(Plot(f"Images finished each second: {line.name}.", plots.timeline(line.done, line.marks)))
    return section


# --- memory ----


def memory_use(part: Part) -> Section:
    section = Section("Memory")
    groups = grouped(part)
    lines: dict[str, dict[float, float]] = {}
    for one in groups[memory.GROUP]:
        lines.setdefault(one.name, {})[one.x or 0.0] = one.samples[0]
    sizes = sorted({size for points in lines.values() for size in points})
    rows = tuple(
        (f"{size:,.0f}", *(number(points[size]) if size in points else "-" for points in lines.values()))
        for size in sizes
    )
    section.tables.append(Table(f"{memory.GROUP}, in MB", ("megapixels", *lines), rows))
    largest = max(lines[memory.OURS])
    section.sentences.append(
        f"An image of {largest:,.0f} megapixels takes {number(lines[memory.OURS][largest])} MB in our pipeline, "
        f"because images too large for memory go through it in strips."
    )
    section.plots.append(
        Plot("Peak memory over the size of the image.", plots.curves(lines, "megapixels", "MB", log=True))
    )
    grown: dict[str, dict[float, float]] = {}
    for one in groups[memory.FLEET]:
        grown.setdefault(one.name, {})[one.x or 0.0] = one.samples[0]
    counts = sorted({count for points in grown.values() for count in points})
    rows = tuple((f"{count:,.0f}", *(number(points[count]) for points in grown.values())) for count in counts)
    section.tables.append(Table(f"{memory.FLEET} after a number of images, in MB", ("images", *grown), rows))
    return section


SECTIONS: dict[str, Callable[[Part], Section]] = {
    "throughput": throughput,
    "scalability": scaling,
    "latency": latencies,
    "broker": brokering,
    "faults": fault_tolerance,
    "memory": memory_use,
    "cost": cost,
}


def sections(analysis: Analysis) -> list[Section]:
    made = []
    for name, part in analysis.parts.items():
        section = SECTIONS[name](part)
        section.notes += [f"Left out: {words}" for words in part.left_out]
        if (busy := analysis.busy.get(name, 0.0)) > BUSY:
            section.notes.append(f"Other programs used {percent(busy)} of the machine meanwhile.")
        made.append(section)
    return made


BUSY = 0.05  # share of the machine's cores that others may use without a word
