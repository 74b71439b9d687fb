"""What filters work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

# Of uint8 or uint16: (height, width) gray, (height, width, 2) gray and alpha, (height, width, 3) BGR,
# (height, width, 4) BGR and alpha. A filter's function never sees alpha unless it asked to.
Image = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows given to a filter lie in the image they are part of: their first row, and the image's size."""

    top: int
    width: int
    height: int
