"""Names that are made out of other names, and still are names."""

from __future__ import annotations

NAME_LIMIT = 255  # bytes: what most file systems and stores take


def fitted(stem: str, tail: str) -> str:
    """stem + tail, the stem cut at its end where both together would be too long."""
    while len(_octets(stem + tail)) > NAME_LIMIT:
        stem = stem[:-1]
    return stem + tail


def is_short(name: str) -> bool:
    return len(_octets(name)) <= NAME_LIMIT


def _octets(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
