"""Images of which any part can be read, and what is drawn from them piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from filterfleet.worker.filters.merge import Drawing, Source
from filterfleet.worker.pixels.channels import channels_of, has_alpha, over
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# Pixels read at once where all of an image is looked at. A larger value takes more memory; with a smaller one, calls
# take longer than the work.
_AT_ONCE = 1 << 19


class InMemory:
    """A Source of an array."""

    def __init__(self, image: Image) -> None:
        self.height, self.width = image.shape[:2]
        self._image = image

    def read(self, left: int, top: int, right: int, bottom: int) -> Image:
        return self._image[top:bottom, left:right]


def drawn(image: Image, draw: Callable[..., Drawing], **values: Any) -> Image:
    """All rows that draw makes from the image; draw and values are those of filters.merge.Gathered."""
    drawing = draw(InMemory(image), **values)
    return drawing.rows(0, drawing.height)


def part(source: Source, left: int, top: int, width: int, height: int) -> Drawing:
    """A part of the image, as it is."""

    def rows(first: int, last: int) -> Image:
        return np.ascontiguousarray(source.read(left, top + first, left + width, top + last))

    return Drawing(width, height, rows)


def pieces(source: Source, unit: int = 1) -> list[tuple[int, int]]:
    """The image's rows in pieces of a multiple of unit rows: the first row of each, and the one after its last."""
    rows = max(1, _AT_ONCE // (unit * source.width)) * unit
    return [(top, min(top + rows, source.height)) for top in range(0, source.height, rows)]


def reduced(source: Source, side: int, paper: int) -> tuple[Image, int]:
    """The image, laid over paper of this level, gray or white, at 8 bits and not much longer than side; and how many of
    its pixels, across and down, became one. What is left at the right and below is cut off.
    """
    block = max(1, min(-(-max(source.width, source.height) // side), source.width, source.height))
    width, height = source.width // block, source.height // block
    parts = []
    for top, bottom in pieces(source, block):
        count = (min(bottom, height * block) - top) // block
        if count > 0:
            rows = source.read(0, top, width * block, top + count * block)
            rows = to_8_bits(rows)
            if has_alpha(rows):
                rows = over(rows, np.full(channels_of(rows) - 1, paper))
            rows = np.ascontiguousarray(rows)
            parts.append(cv2.resize(rows, (width, count), interpolation=cv2.INTER_AREA))
    return np.concatenate(parts), block
