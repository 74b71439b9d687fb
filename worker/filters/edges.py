"""Filters that show where the luma changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Hysteresis, Rows, one_row
from filterfleet.worker.filters.parameters import Integer, Number
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_SCALE = Number(1.0, 0.001, 1000.0, "factor of the result")


@register(
    "canny",
    merge=Hysteresis(),
    alpha=Alpha.DROPPED,
    deep=False,
    gray=True,
    bilevel=True,
    low=Number(100.0, 0.0, 1e5, "L1 gradient"),
    high=Number(200.0, 0.0, 1e5, "L1 gradient"),
)
def canny(image: Image, low: float, high: float) -> Image:
    """Edges by Canny's method (1986) with aperture 3: white lines on black.

    Pixels of a ridge above high are edges; those above low are edges if they touch one.
    """
    # On one thread, Intel's IPP computes cv2.Canny(image, ...). It writes beyond its buffer on thin lines 4 to 6 pixels
    # apart, and kills the process. Given derivatives, OpenCV computes the same pixels by itself.
    x, y = (cv2.Sobel(image, cv2.CV_16S, *order, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1)))
    return cv2.Canny(x, y, low, high)


def _derivative_halo(size: int, **_values: Any) -> int:
    """OpenCV's kernels of size 1 are three pixels long in the direction of the derivative."""
    return max(1, size // 2)


def _magnitude(x: Any, y: Any, scale: float) -> NDArray[np.float32]:
    """scale * sqrt(x * x + y * y) of two float32 arrays, which are overwritten. numpy rounds every sample alike;
    cv2.magnitude does not promise that where rows begin at other addresses.
    """
    x *= x
    y *= y
    x += y
    np.sqrt(x, out=x)
    x *= np.float32(scale)
    return x  # type: ignore[no-any-return]


@register(
    "sobel",
    merge=Rows(halo=_derivative_halo),
    gray=True,
    size=Integer(3, 1, 7, "pixels", odd=True),
    scale=_SCALE,
)
def sobel(image: Image, size: int, scale: float) -> Image:
    """Magnitude of the luma's gradient by Sobel's kernels."""
    x = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=size)
    y = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=size)
    return nearest_levels(_magnitude(x, y, scale), image.dtype)


@register("scharr", merge=Rows(halo=one_row), gray=True, scale=_SCALE)
def scharr(image: Image, scale: float) -> Image:
    """Magnitude of the luma's gradient by Scharr's 3 x 3 kernels, which weigh all directions alike."""
    x = cv2.Scharr(image, cv2.CV_32F, 1, 0)
    y = cv2.Scharr(image, cv2.CV_32F, 0, 1)
    return nearest_levels(_magnitude(x, y, scale), image.dtype)


@register(
    "laplacian",
    merge=Rows(halo=_derivative_halo),
    gray=True,
    size=Integer(3, 1, 7, "pixels; 1 takes the four neighbours", odd=True),
    scale=_SCALE,
)
def laplacian(image: Image, size: int, scale: float) -> Image:
    """Absolute value of the luma's second derivative."""
    values: Any = cv2.Laplacian(image, cv2.CV_32F, ksize=size)
    np.abs(values, out=values)
    values *= np.float32(scale)
    return nearest_levels(values, image.dtype)
