"""Filters that mix the colours of each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.filters.parameters import Choice, Color, Kernel, Number, is_colourful
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.pixels.channels import LUMA, as_colour, has_alpha, over
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_SEPIA = np.array([[0.131, 0.534, 0.272], [0.168, 0.686, 0.349], [0.189, 0.769, 0.393]])  # rows and columns B, G, R


def _mixed(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Each pixel (B, G, R) multiplied by a 3 x 3 matrix.

    At 16 bits, OpenCV rounds the last samples of an array differently from the others, and it joins rows that follow
    each other in memory without a gap. A gap after each row makes it round all rows alike, wherever a strip ends.
    """
    if image.dtype == np.uint16:
        height, width = image.shape[:2]
        gapped = np.empty((height, width + 1, 3), np.uint16)
        gapped[:, :width] = image
        image = gapped[:, :width]
    return cv2.transform(image, matrix)


@register("grayscale", merge=Rows(), work=0.0, gray=True)
def grayscale(image: Image) -> Image:
    """Luma of ITU-R BT.601."""
    return image


@register("saturation", merge=Rows(), work=2.0, factor=Number(1.5, 0.0, 10.0, "0 is gray, 1 changes nothing"))
def saturation(image: Image, factor: float) -> Image:
    """Stronger or weaker colours at the same luma."""
    if image.ndim == 2:
        return image
    return _mixed(image, factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1)))


@register("sepia", merge=Rows(), work=2.0, tints=True, amount=Number(1.0, 0.0, 1.0, "0 changes nothing"))
def sepia(image: Image, amount: float) -> Image:
    """The brown of old photographs; gray images become colour."""
    return _mixed(as_colour(image), amount * _SEPIA + (1 - amount) * np.eye(3))


_PLANES = {"red": 2, "green": 1, "blue": 0}


@register("channel", merge=Rows(), work=0.0, channel=Choice(None, tuple(_PLANES)))
def channel(image: Image, channel: str) -> Image:
    """One channel of a colour image, as gray. Gray images stay as they are."""
    return image if image.ndim == 2 else cv2.extractChannel(image, _PLANES[channel])


def _not_three(matrix: tuple[tuple[float, ...], ...]) -> str | None:
    return None if len(matrix) == len(matrix[0]) == 3 else "needs a matrix of 3 rows with 3 numbers each"


_EQUAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@register("mix", merge=Rows(), work=2.0, tints=True, refuses=_not_three, matrix=Kernel(_EQUAL, 3, 100.0))
def mix(image: Image, matrix: tuple[tuple[float, ...], ...]) -> Image:
    """New channels mixed from the old ones: each row makes red, green and blue from red, green and blue.

    Gray images become colour.
    """
    return _mixed(as_colour(image), np.array(matrix, np.float64)[::-1, ::-1])


@register("background", merge=Rows(), work=0.5, alpha=Alpha.FILTERED, tints=is_colourful, color=Color("#ffffff"))
def background(image: Image, color: str) -> Image:
    """A colour under what is transparent; the result is opaque."""
    if not has_alpha(image):
        return image
    levels = np.array([*reversed(bytes.fromhex(color[1:]))])
    if len(set(levels)) > 1:
        image = as_colour(image)
    scale = np.iinfo(image.dtype).max // 255
    return over(image, (levels * scale)[: image.shape[2] - 1])
