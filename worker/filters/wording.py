"""Texts with fields: "© {date:%Y} {artist}", where each image has what its camera wrote down."""

from __future__ import annotations

import datetime as dt
import re
import string
from collections.abc import Iterator, Mapping

from filterfleet.common.jobs import sourced

_CAMERA = ("date", "make", "model", "lens", "artist", "copyright", "iso", "exposure", "aperture", "focal")
FIELDS = (*_CAMERA, *sourced.FIELDS)

# What the form of a date is made of. Left out is what would differ from worker to worker (%s knows a time zone), what a
# camera does not say (%z), and the widths of the C library, with which one field has megabytes.
_FORM = re.compile(r"(?:[^%]|%[-_0^#]?[aAbBcCdDeFgGhHIjklmMpPrRSTuUVwWxXyY%])*")


def problem(text: str) -> str | None:
    """What is wrong with a text's fields, as the end of a sentence; None if nothing is."""
    try:
        for _, field, form, conversion in string.Formatter().parse(text):
            if field is None:
                continue
            if field not in FIELDS:
                return f"has no field {{{field}}}: it knows {', '.join(FIELDS)}; write {{{{ and }}}} for braces"
            if conversion or (form and field != "date") or (form and ("{" in form or not form.isascii())):
                return f"cannot write {{{field}}} in another form: only date has one, as in {{date:%Y-%m-%d}}"
            if form and not _FORM.fullmatch(form):
                return (
                    f"cannot write {{date:{form}}}: what follows a % has to be a part of a date, as in %Y-%m-%d %H:%M"
                )
    except ValueError:
        return "has a text with a single brace: write {{ and }} for braces"
    return None


def is_plain(text: str) -> bool:
    """Whether the text is written as it stands: it has neither fields nor doubled braces."""
    return not {*text} & {*"{}"}


def worded(text: str, known: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with what is known in its fields, and the names of the fields of which nothing is known. The text has no
    problem; known has a date as 2026-11-28 09:30:00.
    """
    return "".join(_parts(text, known)).strip(), tuple(
        field
        for _, field, _, _ in string.Formatter().parse(text)
        if field is not None and not (known.get(field) or (field in known and field in sourced.FIELDS))
    )


def _parts(text: str, known: Mapping[str, str]) -> Iterator[str]:
    for literal, field, form, _ in string.Formatter().parse(text):
        yield literal
        if field == "date" and form and known.get("date"):
            yield _dated(known["date"], form)
        elif field is not None:
            yield known.get(field, "")


def _dated(date: str, form: str) -> str:
    """Cameras without a clock write days that no calendar has."""
    try:
        return dt.datetime.strptime(date, "%Y-%m-%d %H:%M:%S").strftime(form)  # noqa: DTZ007 - a camera's own time
    except ValueError:
        return date
