"""The report as Markdown, without the plots."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from filterfleet.bench.analysis.page import Section, Table

WIDTH = 130


def markdown(title: str, sections: Iterable[Section]) -> str:
    return "\n".join(_lines(title, sections)) + "\n"


def _lines(title: str, sections: Iterable[Section]) -> Iterator[str]:
    yield f"# {title}"
    for section in sections:
        yield from ("", f"## {section.title}")
        if section.sentences:
            yield from ("", textwrap.fill(" ".join(section.sentences), WIDTH, break_long_words=False))
        for table in section.tables:
            yield from ("", f"**{table.title}**", "", *_table(table))
        if section.notes:
            yield ""
            for note in section.notes:
                yield textwrap.fill(note, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    yield "|---|" + "---:|" * (len(table.columns) - 1)
    for row in table.rows:
        yield _row(row)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
