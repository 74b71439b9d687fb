"""File names that are made from other names, and must not become too long."""

from __future__ import annotations

NAME_LIMIT = 255  # bytes of UTF-8: the most that common file systems and stores accept


def fitted(stem: str, tail: str) -> str:
    """stem + tail, with stem shortened at its end where the whole would exceed NAME_LIMIT."""
    while not is_short(stem + tail):
        stem = stem[:-1]
    return stem + tail


def is_short(name: str) -> bool:
    """Whether name has at most NAME_LIMIT bytes."""
    return len(name.encode("utf-8", "surrogateescape")) <= NAME_LIMIT
