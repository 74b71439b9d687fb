"""Text for terminals, made of names that anybody may have chosen."""

from __future__ import annotations


def printable(path: str) -> str:
    """A file name that is safe to show: bytes that are no UTF-8 and control characters become escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
