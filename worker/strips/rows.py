"""Which rows a filter has to see so that the rows it makes are those of the whole image."""

from __future__ import annotations

from dataclasses import dataclass

from worker.filters.image import Image

LEAST = 32  # rows of a strip, unless the image has fewer: on slivers libraries take other ways and round otherwise


@dataclass(frozen=True, slots=True)
class Window:
    """A filter gets rows [outer_top, outer_bottom) of the image; [inner_top, inner_bottom) of its result are right."""

    outer_top: int
    outer_bottom: int
    inner_top: int
    inner_bottom: int

    def crop(self, result: Image) -> Image:
        """The right rows of what the filter made of the outer rows, as a view."""
        return result[self.inner_top - self.outer_top : self.inner_bottom - self.outer_top]


def windows(height: int, strip: int, halo: int = 0, align: int = 1) -> list[Window]:
    """Windows, from the top, whose inner rows cover an image of height rows once.

    A strip has about strip rows, and never fewer than LEAST; it begins and ends at multiples of align, or at the
    image's edge. halo and align are those of worker.filters.merge.Rows.
    """
    strip = _up(max(strip, LEAST), align)
    tops = list(range(0, height, strip))
    if len(tops) > 1 and height - tops[-1] < LEAST:
        tops.pop()
    bottoms = [*tops[1:], height]
    return [
        Window(max(0, top - halo) // align * align, min(height, _up(bottom + halo, align)), top, bottom)
        for top, bottom in zip(tops, bottoms, strict=True)
    ]


def _up(rows: int, align: int) -> int:
    return -(-rows // align) * align
