"""Filters that decide between black and white. Thresholds are 8-bit levels: deeper images are converted first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters import histogram
from filterfleet.worker.filters.merge import Measured, Rows, half_the_size
from filterfleet.worker.filters.parameters import Choice, Integer, Number
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.pixels.opencv import cv2


@register(
    "threshold",
    merge=Rows(),
    work=0.0,
    alpha=Alpha.DROPPED,
    deep=False,
    gray=True,
    bilevel=True,
    level=Number(127.0, 0.0, 255.0, "8-bit levels"),
)
def threshold(image: Image, level: float) -> Image:
    """White where the luma is above a level, black elsewhere."""
    return cv2.threshold(image, level, 255, cv2.THRESH_BINARY)[1]


def _separated(image: Image, total: histogram.Counts, alpha: Image | None) -> Image:
    return cv2.threshold(image, histogram.otsu(histogram.in_pixels(total, alpha)), 255, cv2.THRESH_BINARY)[1]


@register(
    "otsu",
    merge=Measured(histogram.count, _separated),
    alpha=Alpha.ON_WHITE,
    work=0.5,
    deep=False,
    gray=True,
    bilevel=True,
)
def otsu(image: Image, alpha: Image | None) -> Image:
    """Threshold at the level that Otsu's method (1979) finds in the histogram."""
    return _separated(image, histogram.count(image, alpha), alpha)


def _mean(image: Image, size: int) -> NDArray[np.float32]:
    """Exact, since the sums of up to 255 x 255 levels are below 2^24."""
    sums: Any = cv2.boxFilter(image, cv2.CV_32F, (size, size), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.divide(sums, np.float32(size * size), out=sums)  # type: ignore[no-any-return]


def _gaussian(image: Image, size: int) -> NDArray[np.float32]:
    """To a 1/256 of a level, so that rounding in float32 decides nothing on even areas."""
    kernel = cv2.getGaussianKernel(size, 0, cv2.CV_32F)
    means: Any = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    means *= np.float32(256)
    np.rint(means, out=means)
    means *= np.float32(1 / 256)
    return means  # type: ignore[no-any-return]


_METHODS: dict[str, Callable[[Image, int], NDArray[np.float32]]] = {"mean": _mean, "gaussian": _gaussian}


@register(
    "adaptive_threshold",
    border=Border.REPEATED,
    merge=Rows(halo=half_the_size),
    work=5.0,
    alpha=Alpha.DROPPED,
    deep=False,
    gray=True,
    bilevel=True,
    size=Integer(31, 3, 255, "pixels", odd=True),
    offset=Number(10.0, -255.0, 255.0, "8-bit levels"),
    method=Choice("mean", tuple(_METHODS)),
)
def adaptive_threshold(image: Image, size: int, offset: float, method: str) -> Image:
    """White where the luma exceeds the mean of its neighbourhood less an offset; suits unevenly lit pages.

    The neighbourhood has size x size pixels, and the mean is plain or weighted by a Gaussian. Neither the mean nor the
    offset is rounded.
    """
    means = _METHODS[method](image, size)
    means -= np.float32(offset)
    return (image > means).view(np.uint8) * np.uint8(255)


def _bayer(order: int) -> NDArray[np.float64]:
    """Bayer's matrix (1973) of 2^order x 2^order thresholds, from 0 to 1."""
    matrix = np.zeros((1, 1))
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size


_THRESHOLDS = np.ceil(_bayer(3) * 255).astype(np.uint8)


@register(
    "dither",
    merge=Rows(positioned=True),
    work=2.0,
    alpha=Alpha.DROPPED,
    deep=False,
    gray=True,
    bilevel=True,
)
def dither(image: Image, place: Place) -> Image:
    """Black and white dots, as many white ones as the luma is bright: ordered dithering by Bayer's matrix of 8 x 8."""
    height, width = image.shape
    rows = np.roll(_THRESHOLDS, -(place.top % 8), axis=0)
    thresholds = np.tile(rows, (-(-height // 8), -(-width // 8)))[:height, :width]
    return (image >= thresholds).view(np.uint8) * np.uint8(255)
