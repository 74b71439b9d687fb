"""Plots as SVG, by matplotlib, which is loaded when the first one is drawn. Text and axes take the colour of the page,
light or dark.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INK = "#010203"  # stands for the colour of the page's text until the SVG is written
BLUE, GREY, RED = "#3b82d6", "#8b929c", "#d4545e"  # ours, others, faults
COLOURS = (BLUE, "#dd7f3b", "#3f9f72", "#9d63c4", "#c3a02c", RED, "#56909e", GREY)
MARKERS = "oDs^vP"
WIDTH = 8.2  # inches
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "filterfleet",  # the same measurements give the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"), INK),
}

Draw = Callable[[Any], None]  # draws on the axes of matplotlib that it is given


def drawn(panels: Sequence[Draw], height: float, *, stacked: Sequence[float] = ()) -> str:
    """One SVG with a panel for each function: beside each other, or one above the other in these proportions.

    height is in inches, for a width of WIDTH.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        if stacked:
            places = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=list(stacked))
        else:
            places = figure.subplots(1, len(panels), squeeze=False)
        for draw, axes in zip(panels, places.flat, strict=True):
            axes.grid(color=INK, alpha=0.09, linewidth=0.6)
            axes.set_axisbelow(True)
            draw(axes)
        for axes in places.flat[:-1] if stacked else ():
            axes.set_xlabel("")
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor").rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """A name with one value for each kind of load, by the name of the load."""

    name: str
    values: Mapping[str, float]
    ours: bool


def dots(title: str, rows: Sequence[Row], label: str, line: float | None = 1.0) -> Draw:
    """A row for each name, in order from above, with a marker for each value. A line marks the value of the
    reference."""

    def draw(axes: Any) -> None:
        loads = list(dict.fromkeys(load for row in rows for load in row.values))
        for place, row in enumerate(rows):
            colour = BLUE if row.ours else GREY
            reach = [*row.values.values(), *(() if line is None else (line,))]
            axes.plot([min(reach), max(reach)], [place, place], color=colour, linewidth=0.8, alpha=0.6)
            for marker, load in zip(MARKERS, loads, strict=False):
                if load in row.values:
                    axes.plot(row.values[load], place, marker, color=colour, markersize=5.5)
        if line is not None:
            axes.axvline(line, color=INK, linewidth=0.8)
        if len(loads) > 1:
            for marker, load in zip(MARKERS, loads, strict=False):
                axes.plot([], [], marker, color=INK, markersize=5.5, label=load)
            axes.legend(loc="lower right")
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_title(title)
        axes.set_xlabel(label)

    return draw


def bars(title: str, rows: Sequence[tuple[str, float, bool]], label: str, *, log: bool = False) -> Draw:
    """Horizontal bars with their values: names, values, and whether it is ours."""

    def draw(axes: Any) -> None:
        places = range(len(rows))
        axes.barh(places, [row[1] for row in rows], color=[BLUE if row[2] else GREY for row in rows], height=0.66)
        for place, (_, value, _) in enumerate(rows):
            axes.text(value, place, f" {value:,.0f}" if value >= 100 else f" {value:.3g}", va="center", fontsize=9)
        if log:
            axes.set_xscale("log")
        axes.margins(x=0.15)
        axes.set_yticks(places, [row[0] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_title(title)
        axes.set_xlabel(label)

    return draw


@dataclass(frozen=True, slots=True)
class Curve:
    """Points x -> y. style: "points" were measured, "line" was computed, "both" are points with lines between."""

    name: str
    points: Mapping[float, float]
    style: str = "both"
    colour: str | None = None


def curves(
    title: str,
    lines: Sequence[Curve],
    across: str,
    up: str,
    *,
    log: str = "",
    shaded_from: float | None = None,
    shaded: str = "",
) -> Draw:
    """log names the axes with a logarithmic scale: "x", "y" or "xy". What is beyond shaded_from has a grey ground."""

    def draw(axes: Any) -> None:
        if shaded_from is not None:
            end = max(x for curve in lines for x in curve.points)
            axes.axvspan(shaded_from, end * 1.04, color=INK, alpha=0.06, linewidth=0, label=shaded)
        for number, curve in enumerate(lines):
            style: dict[str, Any] = {
                "color": curve.colour or COLOURS[number % len(COLOURS)],
                "label": curve.name or None,
            }
            if curve.style == "points":
                style |= {"linestyle": "none", "marker": "o", "markersize": 6, "markerfacecolor": "none"}
            elif curve.style == "line":
                style |= {"linestyle": "--", "linewidth": 1.2}
            else:
                style |= {"marker": "o", "markersize": 4, "linewidth": 1.5}
            points = sorted(curve.points.items())
            axes.plot([x for x, _ in points], [y for _, y in points], **style)
        if "x" in log:
            axes.set_xscale("log")
        if "y" in log:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_title(title)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend()

    return draw


def steps(title: str, samples: Mapping[str, Sequence[float]], across: str) -> Draw:
    """The share of samples up to each value."""

    def draw(axes: Any) -> None:
        for name, values in samples.items():
            ordered = sorted(values)
            axes.step(ordered, [(n + 1) / len(ordered) for n in range(len(ordered))], where="post", label=name)
        axes.set_xscale("log")
        axes.set_ylim(0, 1.02)
        axes.set_title(title)
        axes.set_xlabel(across)
        axes.set_ylabel("share of images")
        axes.legend()

    return draw


def timeline(title: str, done: Sequence[float], marks: Mapping[str, float], step: float = 0.5) -> Draw:
    """Images finished in each step of time, in images a second, with vertical lines for what happened."""

    def draw(axes: Any) -> None:
        end = max([*done, *marks.values(), step])
        edges = [n * step for n in range(int(end / step) + 2)]
        axes.hist(done, bins=edges, weights=[1 / step] * len(done), color=BLUE, alpha=0.85)
        for place, (word, at) in enumerate(marks.items()):
            axes.axvline(at, color=RED, linewidth=1.2)
            axes.annotate(
                word.removeprefix(f"{title}").strip(": ") or "fault",
                (at, 0.96 - 0.2 * (place % 2)),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                va="top",
                fontsize=9,
                color=RED,
            )
        axes.set_title(title)
        axes.set_xlabel("seconds")
        axes.set_ylabel("images/s")

    return draw
