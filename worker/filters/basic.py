"""The three filters of the default recipe, exactly as OpenCV computes them."""

from __future__ import annotations

from typing import cast

from worker.filters.registry import Image, Parameter, register
from worker.opencv import cv2


@register("grayscale")
def grayscale(image: Image) -> Image:
    """Luma of ITU-R BT.601, (h, w, 3) BGR to (h, w); a gray image stays as it is."""
    return image if image.ndim == 2 else cast("Image", cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


@register("gaussian_blur", size=Parameter(5, 1, 255, odd=True), sigma=Parameter(1.4, 0.0, 100.0))
def gaussian_blur(image: Image, size: int, sigma: float) -> Image:
    """Gaussian of size x size pixels; sigma is in pixels, 0 derives it from the size."""
    return cast("Image", cv2.GaussianBlur(image, (size, size), sigma))


@register("canny", bilevel=True, low=Parameter(100.0, 0.0, 1e5), high=Parameter(200.0, 0.0, 1e5))
def canny(image: Image, low: float, high: float) -> Image:
    """Edges by Canny's method (1986), thresholds on the L1 gradient, aperture 3; (h, w) of 0 and 255."""
    return cast("Image", cv2.Canny(grayscale(image), low, high))
