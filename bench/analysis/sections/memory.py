"""The most memory that images take."""

from __future__ import annotations

from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import grouped
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import memory
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.words import number

Lines = dict[str, dict[float, float]]  # by name, MB over x


def memory_use(part: Part) -> Section:
    section = Section("Memory")
    groups = grouped(part)
    sizes, counts = _lines(groups[memory.GROUP]), _lines(groups[memory.FLEET])
    ours = sizes[memory.OURS]
    largest = max(ours)
    section.sentences.append(
        f"An image of {largest:,.0f} megapixels takes {number(ours[largest])} MB in our pipeline, because images too "
        f"large for memory go through it in strips."
    )
    shared = [
        (largest_of, name)
        for name, points in sizes.items()
        if name != memory.OURS and (largest_of := max(points.keys() & ours.keys(), default=0.0))
    ]
    if shared:
        size, _ = max(shared)
        least = min((sizes[name][size], name) for other, name in shared if other == size)
        words = "more" if least[0] > ours[size] else "less"
        section.sentences.append(
            f"At {size:,.0f} megapixels, {least[1]} takes {number(least[0])} MB, {words} than ours with "
            f"{number(ours[size])} MB."
        )
    section.plots.append(
        Plot(
            "Peak memory over the size of an image, on logarithmic scales; and that of a fleet's processes over the "
            "number of images that they have done.",
            partial(_drawn, sizes, counts),
        )
    )
    section.tables.append(_table(f"{memory.GROUP}, in MB", "megapixels", sizes))
    section.tables.append(_table(f"{memory.FLEET} after a number of images, in MB", "images", counts))
    return section


def _lines(group: list[Series]) -> Lines:
    lines: Lines = {}
    for one in group:
        lines.setdefault(one.name, {})[one.x or 0.0] = one.samples[0]
    return lines


def _table(title: str, first: str, lines: Lines) -> Table:
    places = sorted({x for points in lines.values() for x in points})
    rows = tuple(
        (f"{x:,.0f}", *(number(points[x]) if x in points else "-" for points in lines.values())) for x in places
    )
    return Table(title, (first, *lines), rows)


def _drawn(sizes: Lines, counts: Lines) -> str:
    return plots.drawn(
        [
            plots.curves("One image", [plots.Curve(n, p) for n, p in sizes.items()], "megapixels", "MB", log="xy"),
            plots.curves("A fleet", [plots.Curve(n, p) for n, p in counts.items()], "images", "MB"),
        ],
        3.3,
    )
