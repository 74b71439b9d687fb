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

_ROWS = 32  # computed at once, which takes some 60 bytes a pixel
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
    framed = np.pad(mark.samples, ((1, 1), (1, 1), (0, 0)))  # so that it fades at its edges
    for top in range(0, len(image), _ROWS):
        bottom = min(top + _ROWS, len(image))
        across, down = _places(mark, place.top + top, place.top + bottom, place.width)
        height, width = mark.samples.shape[:2]
        inside = (across > -_PARTS) & (across < width * _PARTS) & (down > -_PARTS) & (down < height * _PARTS)
        if inside.any():
            _blend(result[top:bottom], _found(framed, across, down, inside))
    return result


def _places(mark: Mark, first: int, last: int, width: int) -> tuple[Any, Any]:
    """Where pixels of the image lie in the mark, across and down, in parts of its pixels from the middle of its first
    one; int64.
    """
    sine, cosine = math.sin(math.radians(mark.angle)), math.cos(math.radians(mark.angle))
    x = (np.arange(width) + 0.5 - mark.x)[None, :]
    y = (np.arange(first, last) + 0.5 - mark.y)[:, None]
    across, down = cosine * x + sine * y + mark.width / 2, cosine * y - sine * x + mark.height / 2
    if mark.gap is not None:
        across, down = across % (mark.width + mark.gap), down % (mark.height + mark.gap)
    rows, columns = mark.samples.shape[:2]
    across, down = across * columns / mark.width - 0.5, down * rows / mark.height - 0.5
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
