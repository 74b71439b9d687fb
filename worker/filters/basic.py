"""The three filters of the default recipe, exactly as OpenCV computes them."""

from __future__ import annotations

from typing import Any

from worker.filters.image import Image
from worker.filters.merge import Hysteresis, Rows
from worker.filters.parameters import Integer, Number
from worker.filters.registry import Alpha, register
from worker.opencv import cv2


@register("grayscale", merge=Rows(), gray=True)
def grayscale(image: Image) -> Image:
    """Luma of ITU-R BT.601."""
    return image


def _radius(size: int, **_: Any) -> int:
    return size // 2


@register(
    "gaussian_blur",
    merge=Rows(halo=_radius),
    size=Integer(5, 1, 255, "pixels", odd=True),
    sigma=Number(1.4, 0.0, 100.0, "pixels; 0 derives it from the size"),
)
def gaussian_blur(image: Image, size: int, sigma: float) -> Image:
    """Gaussian blur with a kernel of size x size pixels."""
    return cv2.GaussianBlur(image, (size, size), sigma)


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
