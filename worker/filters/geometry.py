"""Filters that change the number or the size of pixels. Alpha is filtered like colour, which it weighs."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.worker.filters.framing import GRAVITIES, check_enlarged, placed
from filterfleet.worker.filters.merge import Resampled, Rows
from filterfleet.worker.filters.parameters import Choice, Integer
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.filters.resampling import METHODS, Part, resample
from filterfleet.worker.pixels.channels import is_opaque
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.settings import MAX_SIDE

# Pixels whose sums, of up to 80 bytes each, are in memory at once. A larger value takes more memory; a smaller one more
# time.
_AT_ONCE = 500_000


def _scaled(side: int, numerator: int, denominator: int) -> int:
    """side * numerator / denominator, rounded to the nearest, and at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _resized(image_width: int, image_height: int, width: int, height: int, fit: str, **_values: Any) -> tuple[int, int]:
    """The new width and height; one that is 0 follows from the other. Raises ImageError when that is too large."""
    if width and height and fit in ("inside", "outside"):
        across = (image_width * height >= image_height * width) == (fit == "inside")  # whether the width is as given
        width, height = (width, 0) if across else (0, height)
    width, height = (
        width or _scaled(image_width, height, image_height),
        height or _scaled(image_height, width, image_width),
    )
    check_enlarged(width, height, image_width * image_height)
    return width, height


def _covering(
    image_width: int, image_height: int, width: int, height: int, fit: str, gravity: str, **_values: Any
) -> Part | None:
    """The largest part of the image that has the ratio of the result, if the rest is to be cut off."""
    if fit != "cover" or not (width and height) or image_width * height == image_height * width:
        return None
    scale = min(image_width / width, image_height / height)
    wide, high = min(width * scale, image_width), min(height * scale, image_height)
    left = placed(image_width - wide, gravity, "left", "right")
    return left, placed(image_height - high, gravity, "top", "bottom"), wide, high


def _method(method: str, **_values: Any) -> str:
    return method


def _no_size(width: int, height: int, fit: str, **_values: Any) -> str | None:
    if not (width or height):
        return "needs a width, a height or both"
    return None if (width and height) or fit == "fill" else f"needs both a width and a height for fit {fit!r}"


@register(
    "resize",
    border=Border.LEFT_OUT,
    merge=Resampled(_resized, _method, _covering),
    work=0.5,
    alpha=Alpha.FILTERED,
    refuses=_no_size,
    width=Integer(0, 0, MAX_SIDE, "pixels; 0 follows from the height"),
    height=Integer(0, 0, MAX_SIDE, "pixels; 0 follows from the width"),
    method=Choice("area", METHODS),
    fit=Choice("fill", ("fill", "inside", "outside", "cover")),
    gravity=Choice("center", GRAVITIES),
)
def resize(image: Image, width: int, height: int, method: str, fit: str, gravity: str) -> Image:
    """Changes width and height; given one of them, keeps the ratio.

    Given both, fit decides: fill stretches the image; inside and outside keep its ratio, within the given size or
    around it; cover fills the size and cuts off what is left, on the sides away from gravity. For a border instead, let
    pad follow inside.

    area and lanczos suit shrinking, cubic and lanczos enlarging. All but nearest take every pixel into account, so that
    fine patterns do not turn into coarse ones (worker.filters.resampling). To enlarge, area is linear.

    Raises ImageError when the result has a side over MAX_SIDE, or is enlarged to over 128 million pixels.
    """
    image_height, image_width = image.shape[:2]
    size = _resized(image_width, image_height, width, height, fit)
    return resample(image, size, method, _covering(image_width, image_height, width, height, fit, gravity))


def _fitting(image_width: int, image_height: int, width: int, height: int) -> tuple[int, int]:
    """The largest size with the image's ratio that fits into width x height; the image's own if that fits."""
    if image_width <= width and image_height <= height:
        return image_width, image_height
    if image_width * height >= image_height * width:
        return width, _scaled(image_height, width, image_width)
    return _scaled(image_width, height, image_height), height


def _area(**_values: Any) -> str:
    return "area"


@register(
    "thumbnail",
    border=Border.LEFT_OUT,
    merge=Resampled(_fitting, _area),
    work=0.5,
    alpha=Alpha.FILTERED,
    width=Integer(320, 1, MAX_SIDE, "pixels"),
    height=Integer(320, 1, MAX_SIDE, "pixels"),
)
def thumbnail(image: Image, width: int, height: int) -> Image:
    """Shrinks the image to fit into width x height, keeps its ratio, and never enlarges it."""
    size = _fitting(image.shape[1], image.shape[0], width, height)
    return resample(image, size, "area")


def _block(block: int) -> int:
    return block


@register(
    "pixelate",
    merge=Rows(align=_block),
    work=0.5,
    alpha=Alpha.FILTERED,
    block=Integer(16, 1, 256, "pixels"),
)
def pixelate(image: Image, block: int) -> Image:
    """Mean of each block of block x block pixels; blocks at the right and lower edges may be smaller."""
    result = np.empty_like(image, order="C")
    rows = max(1, _AT_ONCE // (block * image.shape[1])) * block
    for top in range(0, len(image), rows):
        result[top : top + rows] = _pixelated(image[top : top + rows], block)
    return result


def _pixelated(image: Image, block: int) -> Image:
    height, width = image.shape[:2]
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    heights, widths = np.diff(rows, append=height), np.diff(columns, append=width)

    def sums(samples: Any, dtype: Any = np.int64) -> Any:
        return np.add.reduceat(np.add.reduceat(samples, columns, axis=1, dtype=dtype), rows, axis=0).astype(np.int64)

    counts = np.multiply.outer(heights, widths)
    if is_opaque(image):
        # uint32 suffices: 256 x 256 samples of 16 bits sum to less than 2^32.
        means = _divided(sums(image, np.uint32), counts)
    else:
        alpha = image[:, :, -1].astype(np.int64)
        weights = sums(alpha)
        colours = [_divided(sums(image[:, :, n] * alpha), weights) for n in range(image.shape[2] - 1)]
        means = np.dstack([*colours, _divided(weights, counts)])
    result: Image = means.astype(image.dtype).repeat(heights, axis=0).repeat(widths, axis=1)
    return result


def _divided(sums: Any, counts: Any) -> Any:
    """To the nearest whole number; 0 where there is nothing to divide by."""
    counts = np.maximum(counts, 1).reshape(*counts.shape, *[1] * (sums.ndim - 2))
    return (sums + counts // 2) // counts
