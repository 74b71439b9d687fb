"""A mark over an image: turned, or again and again.

Each pixel of the image looks up its place in the mark, so that no more of it is computed than the rows at hand need.
Places are rounded to 1/32 of the mark's pixels, and so do not depend on where a strip begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.channels import LUMA
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.pixels.opencv import cv2

Samples = NDArray[np.float32]

_BLOCK = (64, 2048)  # rows and columns computed at once, at some 100 bytes a pixel. cv2.remap counts in 16 bits
_LONGEST = 16_384  # pixels of a mark's side, for the same reason
_PARTS = 32  # of a pixel, as cv2.remap rounds


@dataclass(frozen=True, slots=True)
class Mark:
    """samples are (h, w, 4) of colour times cover, and cover, from 0 to 1. In the image it is width x height pixels
    large and turned by angle, in degrees clockwise, around its middle, which lies at (x, y). With a gap, in pixels, it
    is repeated in both of its directions.
    """

    samples: Samples
    width: float
    height: float
    angle: float
    x: float
    y: float
    gap: float | None


def outline(width: float, height: float, angle: float) -> tuple[float, float]:
    """Width and height of the upright box around a turned mark."""
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    return width * cosine + height * sine, width * sine + height * cosine


def stamped(image: Image, mark: Mark, place: Place) -> Image:
    """A copy of the image, or of the rows of it that lie at place, under the mark."""
    result = image.copy()
    samples = _shortened(mark.samples)
    framed = np.pad(samples, ((1, 1), (1, 1), (0, 0)))  # so that it fades at its edges
    height, width = samples.shape[:2]
    for top in range(0, len(image), _BLOCK[0]):
        for left in range(0, place.width, _BLOCK[1]):
            under = result[top : top + _BLOCK[0], left : left + _BLOCK[1]]
            across, down = _places(mark, (height, width), left, place.top + top, under.shape)
            inside = (across > -_PARTS) & (across < width * _PARTS) & (down > -_PARTS) & (down < height * _PARTS)
            if inside.any():
                _blend(under, _found(framed, across, down, inside))
    return result


def _shortened(samples: Samples) -> Samples:
    rows, columns = (min(side, _LONGEST) for side in samples.shape[:2])
    if (rows, columns) == samples.shape[:2]:
        return samples
    made: Any = cv2.resize(samples, (columns, rows), interpolation=cv2.INTER_AREA)
    return made  # type: ignore[no-any-return]


def _places(mark: Mark, sides: tuple[int, int], left: int, top: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Where pixels of the image, a block of this shape at left and top, lie in the mark, whose samples have these rows
    and columns: across and down, in parts of its pixels from the middle of its first one; int64.
    """
    sine, cosine = math.sin(math.radians(mark.angle)), math.cos(math.radians(mark.angle))
    x = (np.arange(left, left + shape[1]) + 0.5 - mark.x)[None, :]
    y = (np.arange(top, top + shape[0]) + 0.5 - mark.y)[:, None]
    across, down = cosine * x + sine * y + mark.width / 2, cosine * y - sine * x + mark.height / 2
    if mark.gap is not None:
        across, down = across % (mark.width + mark.gap), down % (mark.height + mark.gap)
    across, down = across * sides[1] / mark.width - 0.5, down * sides[0] / mark.height - 0.5
    return np.rint(across * _PARTS).astype(np.int64), np.rint(down * _PARTS).astype(np.int64)


def _found(framed: Samples, across: Any, down: Any, inside: Any) -> Samples:
    across, down = (np.where(inside, places, -_PARTS) + _PARTS for places in (across, down))
    whole = np.dstack([across // _PARTS, down // _PARTS]).astype(np.int16)
    parts = (down % _PARTS * _PARTS + across % _PARTS).astype(np.uint16)
    found: Any = cv2.remap(framed, whole, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return found  # type: ignore[no-any-return]


def _blend(under: Image, over: Samples) -> None:
    colour, cover = over[:, :, :3], over[:, :, 3]
    full = np.float32(np.iinfo(under.dtype).max)
    if under.ndim == 2:
        under[:] = np.rint(under * (1 - cover) + (colour * LUMA.astype(np.float32)).sum(axis=2) * full)
    else:
        under[:] = np.rint(under * (1 - cover[:, :, None]) + colour * full)
