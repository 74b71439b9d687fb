"""Rows of an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The rows from top up to bottom, without bottom itself."""

    top: int
    bottom: int

    def __len__(self) -> int:
        return self.bottom - self.top

    def __or__(self, other: Span) -> Span:
        """The rows from the first of both to the last of both, including any gap."""
        return Span(min(self.top, other.top), max(self.bottom, other.bottom))

    def overlaps(self, other: Span) -> bool:
        return self.top < other.bottom and other.top < self.bottom

    def widened(self, rows: int) -> Span:
        return Span(self.top - rows, self.bottom + rows)

    def aligned(self, unit: int) -> Span:
        """Widened to multiples of unit."""
        return Span(self.top // unit * unit, -(-self.bottom // unit) * unit)

    def clipped(self, height: int) -> Span:
        return Span(max(self.top, 0), min(self.bottom, height))

    def within(self, outer: Span) -> slice:
        """These rows in an array that holds the outer ones."""
        assert outer.top <= self.top <= self.bottom <= outer.bottom
        return slice(self.top - outer.top, self.bottom - outer.top)
