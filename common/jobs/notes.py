"""What a worker notes about an image that it has processed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from filterfleet.common.text import printable

# Characters of the notes about an image that are kept. Ours have about a hundred. More: a worker that lies fills the
# disk sooner. Less: long notes lose their end.
LONGEST_NOTES = 1000


def notes_of(report: Mapping[str, Any]) -> str | None:
    """The notes in the report about an image, safe to show; None if there are none. A worker may report anything."""
    notes = report.get("notes")
    return printable(notes[:LONGEST_NOTES])[:LONGEST_NOTES] if isinstance(notes, str) and notes else None


def sums_of(report: Mapping[str, Any], outputs: int) -> list[int] | None:
    """The CRC-32 of each of this many outputs; None if the report does not have them."""
    sums = report.get("sums")
    return sums if isinstance(sums, list) and len(sums) == outputs and all(map(_is_sum, sums)) else None


def _is_sum(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32
