"""The report as one HTML page that needs nothing else: no script, no network, light and dark, and good on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from filterfleet.bench.analysis.page import Plot, Section, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5f6b7a; --line: #d9dee5; --paper: #fff; --shade: #f5f7f9 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4ea; --soft: #95a1b0; --line: #333b45; --paper: #15191e; --shade: #1c2127 }
}
body { color: var(--ink); background: var(--paper); max-width: 52rem; margin: 3rem auto; padding: 0 1.25rem;
  font: 1rem/1.6 system-ui, sans-serif; text-wrap: pretty }
h1 { font-size: 1.9rem; line-height: 1.2; margin-bottom: .4rem }
h2 { font-size: 1.3rem; margin-top: 2.8rem; padding-top: .6rem; border-top: 1px solid var(--line) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-size: .9rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left }
thead th { color: var(--soft); font-weight: 500 }
figure { margin: 1.5rem 0 }
figure svg { width: 100%; height: auto; color: var(--ink) }
figcaption, .notes { color: var(--soft); font-size: .9rem }
@media print {
  :root { --ink: #000; --soft: #333; --line: #bbb; --paper: #fff }
  body { margin: 0; max-width: none; font-size: 10pt }
  h2 { break-after: avoid } figure, table { break-inside: avoid }
}
"""


def html(title: str, sections: Iterable[Section]) -> str:
    return "\n".join(_lines(title, sections)) + "\n"


def _lines(title: str, sections: Iterable[Section]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n<h1>{escape(title)}</h1>"
    for section in sections:
        yield f"<h2>{escape(section.title)}</h2>"
        if section.sentences:
            yield f"<p>{escape(' '.join(section.sentences))}</p>"
        for plot in section.plots:
            yield _figure(plot)
        for table in section.tables:
            yield _table(table)
        if section.notes:
            yield '<ul class="notes">' + "".join(f"<li>{escape(note)}</li>" for note in section.notes) + "</ul>"
    yield "</html>"


def _figure(plot: Plot) -> str:
    return f"<figure>{plot.svg}<figcaption>{escape(plot.words)}</figcaption></figure>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.title)}</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
