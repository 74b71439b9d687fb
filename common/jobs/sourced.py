"""Texts in a picture that say how its file is called: "{stem}", as the filter watermark_text writes it.

Images with the same content share one job. A recipe that mentions a name is completed for each image with what it
mentions, and nothing else, so that files with other names have jobs of their own; every other recipe stays as it is.
"""

from __future__ import annotations

import hashlib
import string
import unicodedata
from collections.abc import Iterable, Mapping

import msgpack

from filterfleet.common.jobs.patterns import stem_of

FIELDS = ("name", "stem", "folder")  # with its extension, without its last one, and the folders below the source

LONGEST = 200  # characters of a field. More: long names are written whole. Less: they stay legible.

_WRITES = ("watermark_text", "text")  # the filter and its parameter
_NEVER_SAID = ("Cc", "Zl", "Zp")  # controls and ends of lines: the same letters in every version of Unicode


def mentioned(steps: Iterable[tuple[str, Iterable[tuple[str, object]]]]) -> frozenset[str]:
    """The fields of FIELDS that the texts of these steps have; a step is a filter with its parameters."""
    texts = (
        value
        for name, parameters in steps
        if name == _WRITES[0]
        for key, value in parameters
        if key == _WRITES[1] and isinstance(value, str) and "{" in value
    )
    return frozenset(field for text in texts for field in _fields(text) if field in FIELDS)


def _fields(text: str) -> tuple[str | None, ...]:
    try:
        return tuple(field for _, field, _, _ in string.Formatter().parse(text))
    except ValueError:  # a single brace: the filter refuses the text
        return ()


def said_of(path: str, fields: Iterable[str]) -> dict[str, str]:
    """What these fields are for a path below the source. Whatever the file is called, they can be sent and written:
    accents are one with their letters, what is no letter is "?", any space is a plain one, and what is too long ends in
    "..."."""
    folder, _, name = path.rpartition("/")
    values = {"name": name, "stem": stem_of(name), "folder": folder}
    return {field: _plain(values[field]) for field in sorted(fields)}


def mark(said: Mapping[str, str]) -> str:
    """16 hexadecimal digits that tell apart pictures on which something else is said; "" where nothing is."""
    return hashlib.sha256(msgpack.packb(sorted(said.items()))).hexdigest()[:16] if said else ""


def valid(raw: object) -> Mapping[str, str] | None:
    """What may have come from anybody, if said_of could have said it: with this Python or another, which may know more
    letters. Those that cannot be written here are left to the filter."""
    if not isinstance(raw, dict) or not raw or not raw.keys() <= {*FIELDS}:
        return None
    return raw if all(isinstance(value, str) and _may_be_said(value) for value in raw.values()) else None


def _may_be_said(value: str) -> bool:
    return len(value) <= LONGEST and not any(unicodedata.category(letter) in _NEVER_SAID for letter in value)


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)  # macOS has names decomposed; the filter writes letter by letter
    plain = "".join(" " if letter.isspace() else letter if letter.isprintable() else "?" for letter in composed)
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 3] + "..."
