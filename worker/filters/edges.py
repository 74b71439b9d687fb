"""Filters that show where the luma changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Hysteresis, Rows
from filterfleet.worker.filters.parameters import Integer, Number
from filterfleet.worker.filters.registry import Alpha, register
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
    """Edges by Canny's method (1986) with aperture 3: white lines on black."""
    return cv2.Canny(image, low, high)


def _radius(size: int = 3, **_: Any) -> int:
    return max(1, size // 2)


def _saturated(values: NDArray[np.float32], dtype: np.dtype[Any]) -> Image:
    """Values, which are overwritten, to the nearest level that dtype has."""
    np.rint(values, out=values)
    np.clip(values, 0, np.iinfo(dtype).max, out=values)
    return values.astype(dtype)


def _magnitude(x: Any, y: Any, scale: float) -> NDArray[np.float32]:
    """Length of the gradients (x, y) of float32, which are overwritten. numpy rounds alike wherever a row begins;
    cv2.magnitude does not promise to."""
    x *= x
    y *= y
    x += y
    np.sqrt(x, out=x)
    x *= np.float32(scale)
    return x  # type: ignore[no-any-return]


@register(
    "sobel",
    merge=Rows(halo=_radius),
    gray=True,
    size=Integer(3, 1, 7, "pixels", odd=True),
    scale=_SCALE,
)
def sobel(image: Image, size: int, scale: float) -> Image:
    """Length of the luma's gradient, by Sobel's kernels."""
    x = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=size)
    y = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=size)
    return _saturated(_magnitude(x, y, scale), image.dtype)


@register("scharr", merge=Rows(halo=_radius), gray=True, scale=_SCALE)
def scharr(image: Image, scale: float) -> Image:
    """Length of the luma's gradient, by Scharr's 3 x 3 kernels: the same in all directions."""
    x = cv2.Scharr(image, cv2.CV_32F, 1, 0)
    y = cv2.Scharr(image, cv2.CV_32F, 0, 1)
    return _saturated(_magnitude(x, y, scale), image.dtype)


@register(
    "laplacian",
    merge=Rows(halo=_radius),
    gray=True,
    size=Integer(3, 1, 7, "pixels; 1 takes the four neighbours", odd=True),
    scale=_SCALE,
)
def laplacian(image: Image, size: int, scale: float) -> Image:
    """Size of the luma's second derivative."""
    values: Any = cv2.Laplacian(image, cv2.CV_32F, ksize=size)
    np.abs(values, out=values)
    values *= np.float32(scale)
    return _saturated(values, image.dtype)
