"""Filters that weigh neighbours by a small matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Rows, one_row
from filterfleet.worker.filters.parameters import Kernel, Number
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.filters.transparency import Mix, mean, sum_by, weighed
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# The longest side of a user's kernel. From 130 weights on (50 at 16 bits, which is why these go through float32),
# OpenCV computes by a Fourier transform, which rounds differently in each strip: a larger value would break the promise
# that strips equal the whole.
_LARGEST_KERNEL = 11


def _blur_halo(sigma: float, **_values: Any) -> int:
    """cv2.GaussianBlur reaches 4 sigma to each side at 16 bits, and 3 sigma at 8."""
    return (round(8 * sigma + 1) | 1) // 2


@register(
    "sharpen",
    merge=Rows(halo=_blur_halo),
    work=2.0,
    alpha=Alpha.WEIGHED,
    sigma=Number(1.5, 0.1, 50.0, "pixels"),
    amount=Number(1.0, 0.0, 20.0, "times the difference from the blurred image"),
)
def sharpen(image: Image, sigma: float, amount: float, alpha: Image | None) -> Image:
    """Unsharp mask: adds what a Gaussian blur takes away."""

    def blurred(samples: Any) -> Any:
        return cv2.GaussianBlur(samples, (0, 0), sigma)

    def sharpened(samples: Any, soft: Any) -> Any:
        return cv2.addWeighted(samples, 1 + amount, soft, -amount, 0)

    reach = _blur_halo(sigma)
    return weighed(
        image,
        alpha,
        (reach, reach),
        lambda samples: sharpened(samples, blurred(samples)),
        lambda colours, weights: sharpened(colours, mean(blurred)(colours, weights)),
    )


@register(
    "emboss",
    merge=Rows(halo=one_row),
    work=0.5,
    alpha=Alpha.WEIGHED,
    strength=Number(1.0, 0.0, 10.0, "0 changes nothing"),
)
def emboss(image: Image, strength: float, alpha: Image | None) -> Image:
    """A relief lit from the upper left."""
    relief = np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]) * strength
    relief[1, 1] = 1
    return weighed(image, alpha, (1, 1), lambda samples: cv2.filter2D(samples, -1, relief), _summed(image, relief, 0.0))


def _summed(image: Image, weights: NDArray[np.float64], delta: float) -> Mix:
    """The weighted sum of neighbours, plus delta."""
    summed = sum_by(lambda samples: cv2.filter2D(samples, -1, weights), float(weights.sum()), np.iinfo(image.dtype).max)
    return lambda colours, alpha: summed(colours, alpha) + delta


def _half_its_rows(kernel: tuple[tuple[float, ...], ...], **_values: Any) -> int:
    return len(kernel) // 2


@register(
    "convolve",
    merge=Rows(halo=_half_its_rows),
    work=8.0,
    alpha=Alpha.WEIGHED,
    kernel=Kernel(None, _LARGEST_KERNEL, 1e6),
    divisor=Number(1.0, 1e-6, 1e6, "of the weighted sum"),
    offset=Number(0.0, -100.0, 100.0, "percent of the full range, added"),
)
def convolve(
    image: Image, kernel: tuple[tuple[float, ...], ...], divisor: float, offset: float, alpha: Image | None
) -> Image:
    """Weighted sum of neighbours by a matrix of your own, applied as written (not mirrored)."""
    weights = np.array(kernel, np.float64) / divisor
    delta = offset / 100 * np.iinfo(image.dtype).max

    def plain(image: Image) -> Image:
        if image.dtype == np.uint8:
            return cv2.filter2D(image, -1, weights, delta=delta)
        values: Any = cv2.filter2D(image.astype(np.float32), -1, weights, delta=delta)
        return nearest_levels(values, image.dtype)

    rows, columns = weights.shape
    return weighed(image, alpha, (rows // 2, columns // 2), plain, _summed(image, weights, delta))
