"""Filters that change the number or the size of pixels. Alpha is filtered like colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters.merge import Resampled, Rows
from filterfleet.worker.filters.parameters import Choice, Integer
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_METHODS = {
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
_MAX_SIDE = 65_535  # pixels
_MAX_ENLARGED = 128_000_000  # pixels of a result that has more than the image


def _scaled(side: int, numerator: int, denominator: int) -> int:
    """side * numerator / denominator, to the nearest, at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _resized(image_width: int, image_height: int, width: int, height: int, **_: Any) -> tuple[int, int]:
    """The new width and height. Raises ImageError when it is more than anybody can hold."""
    width, height = (
        width or _scaled(image_width, height, image_height),
        height or _scaled(image_height, width, image_width),
    )
    if max(width, height) > _MAX_SIDE:
        raise ImageError(f"The image would be {width} x {height} pixels; a side has at most {_MAX_SIDE}.")
    if width * height > max(_MAX_ENLARGED, image_width * image_height):
        raise ImageError(
            f"The image would be enlarged to over {_MAX_ENLARGED // 1_000_000} megapixels: {width} x {height}."
        )
    return width, height


def _method(method: str, **_: Any) -> int:
    return _METHODS[method]


def _no_size(width: int, height: int, **_: Any) -> str | None:
    return None if width or height else "needs a width, a height or both"


@register(
    "resize",
    merge=Resampled(_resized, _method),
    alpha=Alpha.FILTERED,
    refuses=_no_size,
    width=Integer(0, 0, _MAX_SIDE, "pixels; 0 follows from the height"),
    height=Integer(0, 0, _MAX_SIDE, "pixels; 0 follows from the width"),
    method=Choice("area", tuple(_METHODS)),
)
def resize(image: Image, width: int, height: int, method: str) -> Image:
    """Another width and height; with one of them, the ratio stays. The method area is best to shrink, cubic to grow."""
    size = _resized(image.shape[1], image.shape[0], width, height)
    return cv2.resize(image, size, interpolation=_METHODS[method])


def _fitting(image_width: int, image_height: int, width: int, height: int) -> tuple[int, int]:
    if image_width <= width and image_height <= height:
        return image_width, image_height
    if image_width * height >= image_height * width:
        return width, _scaled(image_height, width, image_width)
    return _scaled(image_width, height, image_height), height


def _area(**_: Any) -> int:
    return cv2.INTER_AREA


@register(
    "thumbnail",
    merge=Resampled(_fitting, _area),
    alpha=Alpha.FILTERED,
    width=Integer(320, 1, _MAX_SIDE, "pixels"),
    height=Integer(320, 1, _MAX_SIDE, "pixels"),
)
def thumbnail(image: Image, width: int, height: int) -> Image:
    """Shrinks to fit into width x height and keeps the ratio; never enlarges."""
    size = _fitting(image.shape[1], image.shape[0], width, height)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _block(block: int) -> int:
    return block


@register(
    "pixelate",
    merge=Rows(align=_block),
    alpha=Alpha.FILTERED,
    block=Integer(16, 1, 256, "pixels"),
)
def pixelate(image: Image, block: int) -> Image:
    """Mean of each block x block pixels; blocks at the right and lower edge may be smaller."""
    height, width = image.shape[:2]
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    # 256 x 256 samples of 16 bits sum to less than 2^32.
    sums = np.add.reduceat(np.add.reduceat(image, columns, axis=1, dtype=np.uint32), rows, axis=0)
    heights, widths = np.diff(rows, append=height), np.diff(columns, append=width)
    counts = np.multiply.outer(heights, widths).reshape(len(rows), len(columns), *[1] * (image.ndim - 2))
    means = ((sums.astype(np.int64) + counts // 2) // counts).astype(image.dtype)
    result: Image = means.repeat(heights, axis=0).repeat(widths, axis=1)
    return result
