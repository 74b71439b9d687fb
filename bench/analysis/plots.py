"""Plots as SVG, by matplotlib. Text and axes take the colour of the page, light or dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

INK = "#010203"  # stands for the colour of the page's text until the SVG is written
COLOURS = ("#2f7ed8", "#e07b39", "#3a9d6e", "#a05bc4", "#c9a227", "#d0525f", "#5b8c99", "#8a8f98")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "filterfleet",  # the same measurements give the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.frameon": False,
}


def _drawn(draw: Callable[[Any], None], height: float = 3.4) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, height), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.grid(axis="both", color=INK, alpha=0.08)
        axes.set_axisbelow(True)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor").rstrip()


def bars(names: Sequence[str], values: Sequence[float], ours: Sequence[bool], label: str, line: float = 1.0) -> str:
    """Horizontal bars, in order from above; a line marks the value of the reference."""

    def draw(axes: Any) -> None:
        places = range(len(names))
        axes.barh(places, values, color=[COLOURS[0] if own else COLOURS[-1] for own in ours], height=0.7)
        axes.axvline(line, color=INK, linewidth=1)
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        for place, value in zip(places, values, strict=True):
            axes.text(value, place, f" {value:.2f}", va="center")

    return _drawn(draw, 0.9 + 0.28 * len(names))


def curves(
    lines: Mapping[str, Mapping[float, float]], across: str, up: str, *, log: bool = False, dashed: Sequence[str] = ()
) -> str:
    """Lines through points: name -> {x: y}. Those called dashed are predictions."""

    def draw(axes: Any) -> None:
        for name, points in lines.items():
            style = {"linestyle": "--", "linewidth": 1.2} if name in dashed else {"marker": "o", "markersize": 4}
            axes.plot(list(points), list(points.values()), label=name, **style)
        if log:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend()

    return _drawn(draw)


def distributions(samples: Mapping[str, Sequence[float]], across: str) -> str:
    """The share of samples up to each value, as steps."""

    def draw(axes: Any) -> None:
        for name, values in samples.items():
            ordered = sorted(values)
            axes.step(ordered, [(n + 1) / len(ordered) for n in range(len(ordered))], where="post", label=name)
        axes.set_xscale("log")
        axes.set_xlabel(across)
        axes.set_ylabel("share of images")
        axes.legend()

    return _drawn(draw)


def timeline(done: Sequence[float], marks: Mapping[str, float], step: float = 0.5) -> str:
    """Images finished in each step of time, in images a second, with vertical lines for what happened."""

    def draw(axes: Any) -> None:
        end = max([*done, *marks.values(), step])
        edges = [n * step for n in range(int(end / step) + 2)]
        axes.hist(done, bins=edges, weights=[1 / step] * len(done), color=COLOURS[0])
        for number, (word, at) in enumerate(marks.items()):
            axes.axvline(at, color=COLOURS[5], linewidth=1.2)
            axes.annotate(
                word,
                (at, 1 - 0.09 * number),
                xycoords=("data", "axes fraction"),
                xytext=(4, -2),
                textcoords="offset points",
                va="top",
            )
        axes.set_xlabel("seconds")
        axes.set_ylabel("images a second")

    return _drawn(draw)
