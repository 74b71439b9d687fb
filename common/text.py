"""Text for people: names that anybody may have chosen, and sizes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection


def printable(path: str) -> str:
    """A file name that is safe to show: control characters, and bytes that are not UTF-8, become escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The rest of a sentence that begins with "there is no ...: ". It names the nearest known word, or else all of
    them."""
    if close := difflib.get_close_matches(word, known, 1):
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(known)}." if known else "it has none."


def size_text(size: int) -> str:
    """A number of bytes in the units of memory: "256 MiB", "1.5 GiB"."""
    if size < 1 << 30:
        return f"{max(1, round(size / (1 << 20)))} MiB"
    return f"{size / (1 << 30):.1f} GiB"


def parse_size(text: str) -> int | None:
    """The number of bytes in a text as people write it: "500M", "2G", "1.5 GiB", or bytes without a unit. None if the
    text is not a size."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?)?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    power = " kmgt".index((match[2] or " ").lower())
    return int(float(match[1]) * 1024**power)
