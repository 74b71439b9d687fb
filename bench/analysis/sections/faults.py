"""What a fault in the middle of a batch does."""

from __future__ import annotations

from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import grouped
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import faults
from filterfleet.bench.analysis.record import Part, Timeline
from filterfleet.bench.analysis.words import number


def fault_tolerance(part: Part) -> Section:
    section = Section("Fault tolerance")
    pauses = {one.name: one.samples[0] for one in part.series if one.group == faults.GROUP}
    wrong = sum(part.counts.values())
    section.sentences.append(
        f"Over {len(pauses)} kinds of fault in the middle of a batch, {wrong or 'no'} outputs were lost, wrong or "
        f"doubled; every byte was compared with that of the sequential pipeline."
    )
    worst = max(pauses, key=lambda name: pauses[name])
    section.sentences.append(
        f"The longest time in which nothing was finished is {number(pauses[worst])} s ({worst}), where a fault that "
        f"ends by itself lasts {number(float(part.settings.get('seconds stopped or cut', 0.0)))} s."
    )
    section.plots.append(
        Plot(
            "Images finished each second, with the instants at which the fault began and ended.",
            partial(_drawn, part.timelines),
        )
    )
    section.tables.append(_table(part, list(pauses)))
    fates = tuple((n.removesuffix(faults.KILLED), text) for n, text in part.settings.items() if isinstance(text, str))
    if fates:
        title = "Other systems, when one of their workers is killed"
        section.tables.append(Table(title, ("system", "what happens"), fates))
    return section


def _table(part: Part, names: list[str]) -> Table:
    """A row for each fault, with a column for each thing that was measured or counted."""
    groups = {title: {one.name: one for one in group} for title, group in grouped(part).items()}
    rows = []
    for name in names:
        measured = (number(group[name].samples[0]) if name in group else "" for group in groups.values())
        counts = (str(part.counts[f"{name}: {what}"]) for what in (faults.LOST, faults.DOUBLED))
        rows.append((name, *measured, *counts))
    units = {title: next(iter(group.values())).unit for title, group in groups.items()}
    columns = ("fault", *(f"{title}, {unit}" for title, unit in units.items()), faults.LOST, faults.DOUBLED)
    return Table("One fault in the middle of a batch", columns, tuple(rows))


def _drawn(timelines: list[Timeline]) -> str:
    panels = [plots.timeline(line.name, line.done, line.marks) for line in timelines]
    return plots.drawn(panels, 0.3 + 1.15 * len(panels), stacked=[1.0] * len(panels))
