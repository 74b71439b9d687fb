"""The report as one HTML page that needs nothing else: no script, no network, light and dark, and good on paper."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from filterfleet.bench.analysis.page import Plot, Section, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1d2228; --soft: #5d6875; --line: #d8dde3; --paper: #fdfdfc; --shade: #f3f5f7;
  --link: #2563a8; --sans: "Inter", "Helvetica Neue", "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
  --serif: Charter, "Bitstream Charter", "Source Serif 4", "Iowan Old Style", Georgia, "Liberation Serif", serif }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dde2e8; --soft: #98a3b0; --line: #343c46; --paper: #14181d; --shade: #1c2229; --link: #7fb2ec }
}
* { box-sizing: border-box }
body { color: var(--ink); background: var(--paper); max-width: 50rem; margin: 0 auto; padding: 3.5rem 1.25rem 5rem;
  font: 1.06rem/1.62 var(--serif); text-wrap: pretty; hanging-punctuation: first }
body.wide { max-width: 100rem }
h1, h2, h3, table, figcaption, nav, .by, .notes { font-family: var(--sans) }
h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .5rem; text-wrap: balance }
.by { color: var(--soft); font-size: .92rem; margin: 0 0 2rem }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 3.2rem 0 .7rem; scroll-margin-top: 1rem }
h2 .n { color: var(--soft); font-weight: 400; margin-right: .7rem; font-variant-numeric: tabular-nums }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; color: var(--soft) }
p { margin: .5rem 0 1rem; max-width: 48rem }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
.abstract { background: var(--shade); border-radius: .5rem; padding: 1.1rem 1.6rem 1.2rem; margin: 0 0 1.6rem }
.abstract h2 { margin: 0 0 .4rem; font-size: 1.05rem } .abstract ol { padding-left: 1.3rem; margin: .4rem 0 0 }
.abstract li { margin: .35rem 0 } .abstract li::marker { color: var(--soft); font-family: var(--sans) }
nav { font-size: .88rem; columns: 3 11rem; margin: 0 0 2rem } nav a { display: block; padding: .1rem 0 }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 0 2.5rem }
.columns > div { min-width: 0 }
.scroll { overflow-x: auto; margin: 1.2rem 0 }
table { border-collapse: collapse; font-size: .84rem; line-height: 1.4; font-variant-numeric: tabular-nums }
caption, figcaption { color: var(--soft); font-size: .84rem; line-height: 1.45; text-align: left }
caption { padding-bottom: .4rem } caption b, figcaption b { color: var(--ink) }
th, td { padding: .24rem 0 .24rem 1.3rem; text-align: right; border-bottom: 1px solid var(--line); font-weight: 400 }
td:not(.t), td:first-child { white-space: nowrap }
th:first-child, td:first-child { padding-left: 0 } th:first-child, td:first-child, .t { text-align: left }
thead th { color: var(--soft); vertical-align: bottom; border-bottom-color: var(--soft) }
tbody tr:hover { background: var(--shade) }
figure { margin: 1.4rem 0 1.6rem }
figure svg { display: block; width: 100%; height: auto; color: var(--ink) } figure svg text { font-family: var(--sans) }
figcaption { margin-top: .5rem }
.notes { color: var(--soft); font-size: .88rem; padding-left: 1.1rem } .notes li { margin: .25rem 0 }
code { font: .9em ui-monospace, "SF Mono", "Liberation Mono", monospace; background: var(--shade); padding: .1em .35em;
  border-radius: .25em }
@page { margin: 18mm 16mm }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --shade: #f3f3f3; --link: #000 }
  body { padding: 0; max-width: none; font-size: 10pt } nav { display: none } table { font-size: 8pt }
  h2 { break-after: avoid; margin-top: 1.6rem } figure, tr, .abstract { break-inside: avoid }
}
"""


@dataclass(slots=True)
class _Numbers:
    """Sections, figures and tables are numbered through."""

    sections: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    figures: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    tables: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def html(title: str, by: str, abstract: Section, sections: Sequence[Section]) -> str:
    """by stands below the title. The abstract has sentences and findings, which are its notes."""
    return "\n".join(_lines(title, by, abstract, sections)) + "\n"


def _lines(title: str, by: str, abstract: Section, sections: Sequence[Section]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>\n<style>{STYLE}</style>"
    wide = any(section.columns for section in sections)
    yield f'<body{" class=wide" if wide else ""}>\n<h1>{escape(title)}</h1>\n<p class="by">{_text(by)}</p>'
    yield f'<section class="abstract"><h2>Abstract</h2>{_paragraph(abstract.sentences)}'
    yield f"<ol>{_items(abstract.notes)}</ol>"
    for column in abstract.columns:
        yield f"<h3>{escape(column.title)}</h3><ol>{_items(column.notes)}</ol>"
    yield "</section>\n<nav>"
    for place, section in enumerate(sections, 1):
        yield f'<a href="#s{place}">{place}&ensp;{escape(section.title)}</a>'
    yield "</nav>"
    numbers = _Numbers()
    for section in sections:
        place = next(numbers.sections)
        yield f'<h2 id="s{place}"><span class="n">{place}</span>{escape(section.title)}</h2>'
        yield from _content(section, numbers)
        if section.columns:
            yield '<div class="columns">'
            for column in section.columns:
                yield f"<div><h3>{escape(column.title)}</h3>"
                yield from _content(column, numbers)
                yield "</div>"
            yield "</div>"
    yield "</body>\n</html>"


def _content(section: Section, numbers: _Numbers) -> Iterator[str]:
    yield _paragraph(section.sentences)
    for plot in section.plots:
        yield _figure(plot, next(numbers.figures))
    for table in section.tables:
        yield _table(table, next(numbers.tables))
    if section.notes:
        yield f'<ul class="notes">{_items(section.notes)}</ul>'


def _paragraph(sentences: Sequence[str]) -> str:
    return f"<p>{_text(' '.join(sentences))}</p>" if sentences else ""


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{_text(text)}</li>" for text in texts)


def _text(words: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    pieces = words.split("`")
    return "".join(f"<code>{escape(p)}</code>" if place % 2 else escape(p) for place, p in enumerate(pieces))


def _figure(plot: Plot, place: int) -> str:
    return f"<figure>{plot.draw()}<figcaption><b>Figure {place}.</b> {_text(plot.words)}</figcaption></figure>"


def _table(table: Table, place: int) -> str:
    texts = [not any(cell.lstrip("± ")[:1].isdigit() for cell in cells) for cells in zip(*table.rows, strict=True)]
    marks = [' class="t"' if text else "" for text in texts]
    head = "".join(
        f'<th scope="col"{mark}>{escape(name)}</th>' for mark, name in zip(marks, table.columns, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{mark}>{_text(cell)}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption><b>Table {place}.</b> {_text(table.title)}</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
