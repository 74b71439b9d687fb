"""The report as a structure: sections with sentences, tables and plots, which markdown.py and html.py write down."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """columns and rows of text. The first column names the row; numbers stand in the others."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """svg is a whole SVG element; words say what it shows."""

    words: str
    svg: str


@dataclass(slots=True)
class Section:
    """sentences stand before the tables and plots, and notes behind them, as a list."""

    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
