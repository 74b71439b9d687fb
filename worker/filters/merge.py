"""How a filter's results on horizontal strips of an image join to its result on the whole.

A huge image passes through in strips of full width. Each filter says, beside its function, what a strip needs so
that the joined result equals the whole image's byte for byte, or that there is no such way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _none(**_values: Any) -> int:
    return 0


def _one(**_values: Any) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Each row depends on the halo(**values) rows above and below it, clipped to the image; a strip has to begin and
    end at multiples of align(**values) rows, or at the image's edge. positioned: the function also takes
    place=Place(...)."""

    halo: Callable[..., int] = _none
    align: Callable[..., int] = _one
    positioned: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """Two passes: measure(rows, **values) gives an int64 array that is summed over all strips; then each row is
    apply(rows, total, **values), and depends on nothing else. The function is apply(image, measure(image))."""

    measure: Callable[..., Any]
    apply: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """Canny's: weak edges count if they touch a strong one, however far away. See worker.strips.canny."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """The size changes: target(width, height, **values) -> (width, height), method(**values) -> cv2.INTER_*."""

    target: Callable[..., tuple[int, int]]
    method: Callable[..., int]


@dataclass(frozen=True, slots=True)
class Whole:
    """It needs the whole image at once; why is part of a sentence: "... because {why}"."""

    why: str


Merge = Rows | Measured | Hysteresis | Resampled | Whole
