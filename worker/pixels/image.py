"""The array that filters, formats and strips pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

# dtype uint8 or uint16; shape (height, width) gray, (height, width, 2) gray and alpha, (height, width, 3) BGR or
# (height, width, 4) BGR and alpha. Colours are not multiplied by alpha.
Image = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows that a filter gets lie in the whole image: top is the index of the first of these rows; width and
    height are those of the whole image, in pixels.
    """

    top: int
    width: int
    height: int
