"""The report as Markdown, without the plots."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from filterfleet.bench.analysis.page import Section, Table

WIDTH = 130


def markdown(title: str, by: str, abstract: Section, sections: Sequence[Section]) -> str:
    """by stands below the title. The abstract has sentences and findings, which are its notes."""
    return "\n".join(_lines(title, by, abstract, sections)) + "\n"


def _lines(title: str, by: str, abstract: Section, sections: Sequence[Section]) -> Iterator[str]:
    yield from (f"# {title}", "", _filled(by))
    for section in (abstract, *sections):
        yield from ("", f"## {section.title}")
        yield from _content(section)
        for column in section.columns:
            yield from ("", f"### {column.title}")
            yield from _content(column)


def _content(section: Section) -> Iterator[str]:
    if section.sentences:
        yield from ("", _filled(" ".join(section.sentences)))
    for table in section.tables:
        yield from ("", f"**{table.title}**", "", *_table(table))
    if section.notes:
        yield ""
        for note in section.notes:
            yield _filled(note, initial_indent="- ", subsequent_indent="  ")


def _filled(words: str, **indents: str) -> str:
    return textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False, **indents)  # type: ignore[arg-type]


def _table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    yield "|---|" + "---:|" * (len(table.columns) - 1)
    for row in table.rows:
        yield _row(row)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
