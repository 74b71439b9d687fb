"""Filters that turn the image."""

from __future__ import annotations

import math
from typing import Any

from filterfleet.worker.filters.drawing import drawn
from filterfleet.worker.filters.framing import check_enlarged
from filterfleet.worker.filters.merge import Drawing, Gathered, Source
from filterfleet.worker.filters.parameters import Choice, Color, Number, is_colourful
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.filters.skew import angle_of_lines
from filterfleet.worker.filters.warp import INTERPOLATIONS, Paper, turned, turned_size
from filterfleet.worker.pixels.image import Image

_FITS = ("expand", "keep", "inside")
_INTERPOLATION = Choice("linear", tuple(INTERPOLATIONS))
_COLOR = Color("#ffffff")
_OPACITY = Number(1.0, 0.0, 1.0, "opacity of the corners, in images with transparency")


def _turned_size(width: int, height: int, angle: float, fit: str, **_values: Any) -> tuple[int, int]:
    size = turned_size(width, height, angle, fit)
    check_enlarged(*size, width * height)
    return size


def _turned(source: Source, angle: float, fit: str, interpolation: str, color: str, opacity: float) -> Drawing:
    _turned_size(source.width, source.height, angle, fit)
    return turned(source, angle, fit, interpolation, Paper(color, opacity))


@register(
    "rotate",
    merge=Gathered(_turned, _turned_size),
    work=0.5,
    alpha=Alpha.FILTERED,
    tints=is_colourful,
    angle=Number(90.0, -360.0, 360.0, "degrees, clockwise"),
    fit=Choice("expand", _FITS),
    interpolation=_INTERPOLATION,
    color=_COLOR,
    opacity=_OPACITY,
)
def rotate(image: Image, **values: Any) -> Image:
    """Turns the image clockwise: by quarter turns, without loss, or by any angle.

    fit says how large it becomes: expand shows all of it, with corners of a colour; inside cuts off what would leave
    corners; keep leaves the size as it is. Quarter turns need none of these. Gray images become colour if the corners
    do. Places in the image are rounded to 1/32 of a pixel.

    Raises ImageError when the result has a side over MAX_SIDE, or is enlarged to over 128 million pixels.
    """
    return drawn(image, _turned, **values)


def _straightened_size(width: int, height: int, most: float, fit: str, **_values: Any) -> tuple[int, int]:
    if fit == "keep":
        return width, height
    # Each side is longest when its diagonal lies along it, if the image is turned that far.
    across, down = (min(most, math.degrees(math.atan2(*sides))) for sides in ((height, width), (width, height)))
    size = turned_size(width, height, across, "expand")[0], turned_size(width, height, down, "expand")[1]
    check_enlarged(*size, width * height)
    return size


def _straightened(source: Source, most: float, fit: str, interpolation: str, color: str, opacity: float) -> Drawing:
    return _turned(source, -angle_of_lines(source, most), fit, interpolation, color, opacity)


@register(
    "deskew",
    merge=Gathered(_straightened, _straightened_size, certain=False),
    work=0.5,
    alpha=Alpha.FILTERED,
    tints=is_colourful,
    most=Number(10.0, 0.1, 45.0, "degrees to either side"),
    fit=Choice("keep", _FITS),
    interpolation=_INTERPOLATION,
    color=_COLOR,
    opacity=_OPACITY,
)
def deskew(image: Image, **values: Any) -> Image:
    """Turns a scanned page until its lines of text are level.

    The angle is the one at which the ink of the page, projected on one side, changes most from row to row (Postl 1986;
    the measure is that of Bloomberg, Kopec and Dasari 1995). It is found to 0.01 degrees on a smaller copy of the page.
    An image without clear lines is not turned. fit, interpolation, color and opacity are those of rotate.
    """
    return drawn(image, _straightened, **values)
