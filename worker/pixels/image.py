"""The array that filters, formats and strips pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class About:
    """What a filter may know of the file that its image is from. colour and gray are the profiles (ICC.1) of pixels in
    colour and of gray ones; None stands for sRGB and its tone curve. fields are what the camera has written down, by
    the names that a text can have.
    """

    colour: bytes | None = None
    gray: bytes | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


NOTHING_KNOWN = About()
