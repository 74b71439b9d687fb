"""Filters that weigh neighbours by a small matrix."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Rows, one_row
from filterfleet.worker.filters.parameters import Kernel, Number
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.filters.transparency import Mix, mean, pieces, sum_by, weighed
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# The longest side of a user's kernel. From 130 weights on (50 at 16 bits, which is why these go through float32),
# OpenCV computes by a Fourier transform, which rounds differently in each strip: a larger value would break the promise
# that strips equal the whole.
_LARGEST_KERNEL = 11


# From this weighted sum of levels on, float32 may be off by a level. A larger value saves time with such kernels; a
# smaller one takes more time with kernels that are exact in float32.
_EXACT_IN_FLOAT32 = 1 << 22


# Pixels whose sums are in float64 at once, which takes up to 90 bytes for each; and the least rows. Larger values take
# more memory; with smaller ones, the rows around each piece are computed more often.
_AT_ONCE, _FEWEST = 1 << 18, 16


def _blur_halo(sigma: float, **_values: Any) -> int:
    """The kernel reaches four sigma to each side."""
    return max(1, round(4 * sigma))


@register(
    "sharpen",
    border=Border.MIRRORED,
    merge=Rows(halo=_blur_halo),
    work=9.0,
    alpha=Alpha.WEIGHED,
    sigma=Number(1.5, 0.1, 50.0, "pixels"),
    amount=Number(1.0, 0.0, 20.0, "times the difference from the blurred image"),
)
def sharpen(image: Image, sigma: float, amount: float, alpha: Image | None) -> Image:
    """Unsharp mask: adds what a Gaussian blur takes away.

    The blur is not rounded before it is taken away, and its kernel reaches four sigma to each side.
    """
    reach = _blur_halo(sigma)
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma, cv2.CV_32F)

    def blurred(samples: Any) -> Any:
        return cv2.sepFilter2D(samples, cv2.CV_32F, kernel, kernel)

    def sharpened(samples: Any, soft: Any) -> Any:
        return cv2.addWeighted(samples, 1 + amount, soft, -amount, 0, dtype=cv2.CV_32F)

    return weighed(
        image,
        alpha,
        (reach, reach),
        lambda samples: nearest_levels(sharpened(samples, blurred(samples)), image.dtype),
        lambda colours, weights: sharpened(colours, mean(blurred)(colours, weights)),
    )


@register(
    "emboss",
    border=Border.MIRRORED,
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


def _needs_float64(weights: NDArray[np.float64], top: int) -> bool:
    return bool(np.abs(weights).sum() * top >= _EXACT_IN_FLOAT32)


def _weighted_sum(samples: Any, weights: NDArray[np.float64]) -> Any:
    """The weighted sum of neighbours in float64. The rows of the kernel are applied one by one: OpenCV computes large
    kernels by a Fourier transform, which rounds differently in each strip.
    """
    rows, height = len(weights), len(samples)
    dtype = np.float64 if samples.dtype == np.float32 else samples.dtype  # OpenCV has no way from the one to the other
    padded = cv2.copyMakeBorder(samples, rows // 2, rows // 2, 0, 0, cv2.BORDER_REFLECT_101)
    parts = (
        cv2.filter2D(np.ascontiguousarray(padded[row : row + height], dtype), cv2.CV_64F, weights[row : row + 1])
        for row in range(rows)
    )
    total: Any = next(parts)
    for part in parts:
        total += part
    return total


def _summed(image: Image, weights: NDArray[np.float64], delta: float) -> Mix:
    """The weighted sum of neighbours, plus delta."""
    top = np.iinfo(image.dtype).max
    if _needs_float64(weights, top):
        summed = sum_by(partial(_weighted_sum, weights=weights), float(weights.sum()), top)
    else:
        summed = sum_by(lambda samples: cv2.filter2D(samples, -1, weights), float(weights.sum()), top)
    return lambda colours, alpha: summed(colours, alpha) + delta


def _half_its_rows(kernel: tuple[tuple[float, ...], ...], **_values: Any) -> int:
    return len(kernel) // 2


def _exactly(image: Image, weights: NDArray[np.float64], delta: float) -> Image:
    """The weighted sum of neighbours, plus delta, in whole levels. It is made in pieces, since float64 takes space."""
    result = np.empty_like(image, order="C")
    rows = max(_FEWEST, _AT_ONCE // image.shape[1])
    for piece, around, inner in pieces(len(image), len(weights) // 2, rows):
        result[piece] = nearest_levels(_weighted_sum(image[around], weights)[inner] + delta, image.dtype)
    return result


@register(
    "convolve",
    border=Border.MIRRORED,
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
    """Weighted sum of neighbours by a matrix of your own, applied as written (not mirrored).

    The sum is exact within a level, whatever the weights, and clipped to black and white.
    """
    weights = np.array(kernel, np.float64) / divisor
    top = np.iinfo(image.dtype).max
    delta = offset / 100 * top

    def plain(image: Image) -> Image:
        if _needs_float64(weights, top):
            return _exactly(image, weights, delta)
        if image.dtype == np.uint8:
            return cv2.filter2D(image, -1, weights, delta=delta)
        values: Any = cv2.filter2D(image.astype(np.float32), -1, weights, delta=delta)
        return nearest_levels(values, image.dtype)

    rows, columns = weights.shape
    return weighed(image, alpha, (rows // 2, columns // 2), plain, _summed(image, weights, delta))
