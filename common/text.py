"""Text for people: names and sentences that anybody may have chosen, sizes; and JSON that every reader takes."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection
from typing import Any

# Characters of a sentence from somewhere else that are shown. More quotes longer reasons in full; less keeps one of
# them from filling a screen.
LONGEST = 2000

LARGEST_SIZE = 1 << 60  # bytes; a system's calls take eight times as much

# Known words that are all named where none is near. More: fewer people have to look them up. Less: shorter sentences.
_FEW = 10

# Letters and marks by their category, but nothing is to be seen of them: names that differ only in these look alike.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")

# What Python says of a mistake in TOML, and the same in the words of somebody who has written a file.
_TOML = (
    (re.compile(r"^Cannot overwrite a value"), "The same key stands there twice"),
    (re.compile(r"^Cannot declare \((.*?),?\) twice"), r"The same table stands there twice, \1"),
    (re.compile(r"^Invalid value"), "This is no value, and texts need quotes"),
)


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would obey, or nobody would see: control characters, line
    breaks, marks that turn the direction of writing, invisible characters, bytes that are not UTF-8, lone surrogates.

    A text that was escaped once is not changed a second time.
    """
    if text.isprintable() and _INVISIBLE.isdisjoint(text):
        return text
    return "".join(c if c.isprintable() and c not in _INVISIBLE else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python writes a byte that is not UTF-8 (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def one_line(text: str, limit: int = LONGEST) -> str:
    """A sentence that somebody else wrote, in one printable line of at most limit characters (at least 5)."""
    return shortened(printable(" ".join(text[: 2 * limit].splitlines())), limit)


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning and end with dots between them: at most limit characters (at least 5)."""
    if len(text) <= limit:
        return text
    end = (limit - 3) // 3
    return f"{text[: limit - 3 - end]}...{text[len(text) - end :]}"


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON in printable ASCII, as RFC 8259 has it: numbers that are not finite become null.

    A byte of a file name that is not UTF-8 is the escape of a lone surrogate, \\udc80 to \\udcff, as in PEP 383:
    Python's os.fsencode() makes the name's bytes of it again.
    """
    return json.dumps(finite(value), indent=indent, allow_nan=False).replace("\x7f", "\\u007f")


def finite(value: Any) -> Any:
    """A copy of plain values in which None stands for every number that is not finite."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def toml_mistake(error: ValueError) -> str:
    """What a TOMLDecodeError says, where its own words would not tell a reader what he has done."""
    said = one_line(str(error))
    for theirs, ours in _TOML:
        said = theirs.sub(ours, said)
    return said


def did_you_mean(word: str, known: Collection[str], listing: str = "") -> str:
    """The rest of a sentence that begins with "there is no ...: ". It names the nearest known word, or else all of
    them; if these are more than a few, it names what lists them."""
    if close := difflib.get_close_matches(word.lower(), known, 1):
        return f"did you mean {close[0]!r}?"
    if listing and len(known) > _FEW:
        return f"{listing} lists those that there are."
    return f"there are {', '.join(known)}." if known else "it has none."


def shown_value(value: Any) -> str:
    """Any value, as text for a sentence, on one line."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"  # which may be nested too deeply for repr
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and not -(2**64) < value < 2**64:
        return "a number of over 64 bits"  # Python may even refuse to print it
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def size_text(size: int) -> str:
    """A number of bytes in the units of memory: "256 MiB", "1.5 GiB"."""
    if size < 1 << 30:
        return f"{max(int(size > 0), round(size / (1 << 20)))} MiB"
    return f"{size / (1 << 30):.1f} GiB"


def parse_size(text: str) -> int | None:
    """The number of bytes in a text as people write it: "500M", "2G", "1.5 GiB", or bytes without a unit. None if the
    text is not a size, or if no machine has that much."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?)?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    power = " kmgt".index((match[2] or " ").lower())
    size = float(match[1]) * 1024**power  # infinite, with some hundred digits
    return int(size) if size <= LARGEST_SIZE else None
