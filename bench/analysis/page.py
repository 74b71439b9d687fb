"""The report as a structure: sections with sentences, plots and tables, which markdown.py and html.py write down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """columns and rows of text. The first column names the row; numbers stand in the others."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """draw makes a whole SVG element, and is called only where plots are shown; words say what it shows."""

    words: str
    draw: Callable[[], str]


@dataclass(slots=True)
class Section:
    """Its sentences come first, then plots, tables, and notes as a list. columns is the same for several machines."""

    title: str
    sentences: list[str] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: list[Section] = field(default_factory=list)
