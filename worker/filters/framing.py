"""Filters that choose what of the image is in the frame, and which way up."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters.merge import Moved
from filterfleet.worker.filters.parameters import Choice, Color, Integer, Number, is_colourful
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.pixels.channels import as_colour
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.settings import MAX_SIDE

# The largest result, in pixels, of an image that is enlarged. A larger value lets a recipe turn a small file into more
# memory; a smaller one refuses more recipes. Shrinking is not limited.
MAX_ENLARGED = 128_000_000

GRAVITIES = ("top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right")

_GRAVITY = Choice("center", GRAVITIES)


def check_enlarged(width: int, height: int, pixels: int) -> None:
    """Raises ImageError when width x height is too large a result for an image that has this number of pixels."""
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"The image would be {width} x {height} pixels; a side may have at most {MAX_SIDE}.")
    if width * height > max(MAX_ENLARGED, pixels):
        raise ImageError(
            f"The image would be enlarged to over {MAX_ENLARGED // 1_000_000} megapixels: {width} x {height}."
        )


def _overlap(top: int, bottom: int, first: int, last: int) -> tuple[int, int]:
    """The rows from first up to last that lie between top and bottom; none of them: (first, first)."""
    start, stop = max(top, first), min(bottom, last)
    return (start, stop) if start < stop else (first, first)


def placed(free: float, gravity: str, before: str, after: str) -> float:
    """How much of the free space lies before a thing that is drawn to one side, or to neither."""
    words = gravity.split("-")
    return 0 if before in words else free if after in words else free / 2


def _placed(free: int, gravity: str, before: str, after: str) -> int:
    """In whole pixels."""
    return int(placed(free, gravity, before, after))


# --- crop -----------------------------------------------------------------------------------------------------------


def _box(
    image_width: int, image_height: int, width: int, height: int, left: int, top: int, gravity: str, ratio: float
) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part that is kept. Raises ImageError if that lies beyond the image."""
    if left >= image_width or top >= image_height:
        raise ImageError(
            f"The image of {image_width} x {image_height} pixels has none at {max(left, 0)}, {max(top, 0)}, where "
            "the filter 'crop' begins."
        )
    width = min(width or image_width, image_width - max(left, 0))
    height = min(height or image_height, image_height - max(top, 0))
    if ratio:
        width, height = max(1, round(min(width, height * ratio))), max(1, round(min(height, width / ratio)))
    if left < 0:
        left = _placed(image_width - width, gravity, "left", "right")
    if top < 0:
        top = _placed(image_height - height, gravity, "top", "bottom")
    return left, top, width, height


def _cropped_size(image_width: int, image_height: int, **values: Any) -> tuple[int, int]:
    return _box(image_width, image_height, **values)[2:]


def _cropped_rows(first: int, last: int, image_width: int, image_height: int, **values: Any) -> tuple[int, int]:
    _, top, _, height = _box(image_width, image_height, **values)
    start, stop = _overlap(first, last, top, top + height)
    return start - top, stop - top


def _nothing_to_crop(width: int, height: int, left: int, top: int, ratio: float, **_values: Any) -> str | None:
    if width or height or left > 0 or top > 0 or ratio:
        return None
    return "needs a width, a height, a left, a top or a ratio"


@register(
    "crop",
    merge=Moved(_cropped_size, _cropped_rows),
    work=0.0,
    alpha=Alpha.FILTERED,
    keeps_bilevel=True,
    refuses=_nothing_to_crop,
    width=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    height=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    left=Integer(-1, -1, MAX_SIDE, "pixels from the left edge; -1 leaves it to gravity"),
    top=Integer(-1, -1, MAX_SIDE, "pixels from the upper edge; -1 leaves it to gravity"),
    gravity=_GRAVITY,
    ratio=Number(0.0, 0.0, 1000.0, "width divided by height; 0 keeps what width and height say"),
)
def crop(image: Image, place: Place, **values: Any) -> Image:
    """Keeps a part of the image: width x height pixels, at left and top, or at one side, in a corner or in the middle.

    A part that is larger than the image ends at the image's edges, and one that lies beyond them is refused. With a
    ratio, the largest part of that shape is kept: 1 gives squares of images of any size.

    Raises ImageError for that.
    """
    left, top, width, height = _box(place.width, place.height, **values)
    start, stop = _overlap(place.top, place.top + len(image), top, top + height)
    return np.ascontiguousarray(image[start - place.top : stop - place.top, left : left + width])


# --- flip -----------------------------------------------------------------------------------------------------------

_DIRECTIONS = {"horizontal": (False, True), "vertical": (True, False), "both": (True, True)}


def _same_size(width: int, height: int, **_values: Any) -> tuple[int, int]:
    return width, height


def _flipped_rows(top: int, bottom: int, _width: int, height: int, direction: str) -> tuple[int, int]:
    return (height - bottom, height - top) if _DIRECTIONS[direction][0] else (top, bottom)


@register(
    "flip",
    merge=Moved(_same_size, _flipped_rows),
    work=0.0,
    alpha=Alpha.FILTERED,
    keeps_bilevel=True,
    direction=Choice("horizontal", tuple(_DIRECTIONS)),
)
def flip(image: Image, direction: str, place: Place) -> Image:  # noqa: ARG001 - the rows are where they are
    """Mirrors the image: left and right change places, or top and bottom, or both, which turns it by 180 degrees."""
    down, across = _DIRECTIONS[direction]
    return np.ascontiguousarray(image[:: -1 if down else 1, :: -1 if across else 1])


# --- pad ------------------------------------------------------------------------------------------------------------


def _frame(
    image_width: int, image_height: int, width: int, height: int, gravity: str, **_values: Any
) -> tuple[int, int, int, int]:
    """Where the image lies in its frame, and the frame's width and height, which are at least the image's. Raises
    ImageError when that is too large.
    """
    width, height = max(width, image_width), max(height, image_height)
    check_enlarged(width, height, image_width * image_height)
    left = _placed(width - image_width, gravity, "left", "right")
    top = _placed(height - image_height, gravity, "top", "bottom")
    return left, top, width, height


def _framed_size(image_width: int, image_height: int, **values: Any) -> tuple[int, int]:
    return _frame(image_width, image_height, **values)[2:]


def _framed_rows(first: int, last: int, image_width: int, image_height: int, **values: Any) -> tuple[int, int]:
    """The first rows of the image also make what is above it, and the last ones what is below."""
    _, top, _, height = _frame(image_width, image_height, **values)
    return first + top if first else 0, last + top if last < image_height else height


def _no_frame(width: int, height: int, **_values: Any) -> str | None:
    return None if width or height else "needs a width, a height or both"


@register(
    "pad",
    merge=Moved(_framed_size, _framed_rows),
    work=0.0,
    alpha=Alpha.FILTERED,
    tints=is_colourful,
    refuses=_no_frame,
    width=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    height=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    gravity=_GRAVITY,
    color=Color("#ffffff"),
    opacity=Number(1.0, 0.0, 1.0, "opacity of the border, in images with transparency"),
)
def pad(image: Image, color: str, opacity: float, place: Place, **values: Any) -> Image:
    """Adds a border of one colour until the image is width x height pixels; a larger image stays as it is.

    Gray images become colour if the border does. The border of an opaque image is opaque.

    Raises ImageError when the result has a side over MAX_SIDE or over 128 million pixels.
    """
    left, top, width, _ = _frame(place.width, place.height, **values)
    first, last = _framed_rows(place.top, place.top + len(image), place.width, place.height, **values)
    levels = [*reversed(bytes.fromhex(color[1:]))]
    if len(set(levels)) > 1:
        image = as_colour(image)
    shown = [*levels, round(opacity * 255)] if image.ndim == 3 and image.shape[2] == 4 else levels
    if image.ndim == 2 or image.shape[2] == 2:
        shown = [levels[0], round(opacity * 255)]
    above, below = place.top + top - first, last - (place.top + len(image) + top)
    depth = int(np.iinfo(image.dtype).max) // 255
    border = [level * depth for level in shown]
    right = width - left - place.width
    return cv2.copyMakeBorder(image, above, below, left, right, cv2.BORDER_CONSTANT, value=border)
