"""Filters that show where the luma changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.merge import Hysteresis, Rows, one_row
from filterfleet.worker.filters.parameters import Integer, Number
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.filters.transparency import Samples, sum_by, weighed
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_STEEPEST = 2 * 4 * 255  # the largest sum of both derivatives that 8 bits can have

_SCALE = Number(1.0, 0.001, 1000.0, "factor of the result; at 1 a step from black to white gives white")


def _gradient(image: Image) -> tuple[Any, Any]:
    """Sobel's derivatives of size 3, int16, across and down."""
    # On one thread, Intel's IPP computes cv2.Canny(image, ...). It writes beyond its buffer on thin lines 4 to 6 pixels
    # apart, and kills the process. Given derivatives, OpenCV computes the same pixels by itself.
    return cv2.spatialGradient(image, borderType=cv2.BORDER_REPLICATE)


def _ridges(image: Image, low: float, high: float) -> tuple[Image, NDArray[np.bool_]]:
    """A ridge is the same for every threshold, so the strong ones are those of the weak ones that are steep enough."""
    low, high = sorted((low, high))
    across, down = _gradient(image)
    weak = cv2.Canny(across, down, low, low)
    steepness: NDArray[np.int16] = np.abs(across, out=across)
    steepness += np.abs(down, out=down)
    return weak, steepness > min(math.floor(high), _STEEPEST)


def _swapped(low: float, high: float) -> str | None:
    return f"has low {low:g} above high {high:g}: the two are taken the other way round" if low > high else None


@register(
    "canny",
    border=Border.REPEATED,
    merge=Hysteresis(_ridges),
    work=8.0,
    alpha=Alpha.DROPPED,
    deep=False,
    gray=True,
    bilevel=True,
    doubts=_swapped,
    low=Number(100.0, 0.0, 1e5, "L1 gradient"),
    high=Number(200.0, 0.0, 1e5, "L1 gradient"),
)
def canny(image: Image, low: float, high: float) -> Image:
    """Edges by Canny's method (1986) with aperture 3: white lines on black.

    Pixels of a ridge above high are edges; those above low are edges if they touch one.
    """
    across, down = _gradient(image)
    edges: Image = cv2.Canny(across, down, low, high)
    return edges


def _derivative_halo(size: int, **_values: Any) -> int:
    """OpenCV's kernels of size 1 are three pixels long in the direction of the derivative."""
    return max(1, size // 2)


Derivative = Callable[..., Any]  # (samples, ddepth) -> samples


def _gain(derivative: Derivative) -> float:
    """What it makes of a step from 0 to 1, at most: the sum of its kernel's positive weights."""
    middle = np.zeros((15, 15), np.float64)
    middle[7, 7] = 1
    kernel = derivative(middle, ddepth=cv2.CV_64F)
    return float(kernel[kernel > 0].sum())


def _derived(image: Image, alpha: Image | None, reach: int, derivatives: Sequence[Derivative], scale: float) -> Image:
    """The length of the vector of one or two derivatives, as parts of their gain, times scale."""
    top = np.iinfo(image.dtype).max
    scale /= _gain(derivatives[0])

    def length(values: Sequence[Any]) -> NDArray[np.float32]:
        if len(values) == 2:
            return _magnitude(values[0], values[1], scale)
        return np.abs(values[0]) * np.float32(scale)  # type: ignore[no-any-return]

    def mix(colours: Samples, weights: Samples) -> Samples:
        # In float64, derivatives of whole numbers are exact, so that one colour has no edges.
        exact = colours.astype(np.float64), weights.astype(np.float64)
        found = (sum_by(partial(of, ddepth=cv2.CV_64F), 0, top)(*exact) for of in derivatives)
        return length([values.astype(np.float32) for values in found])

    def plain(image: Image) -> Image:
        return nearest_levels(length([of(image, ddepth=cv2.CV_32F) for of in derivatives]), image.dtype)

    return weighed(image, alpha, (reach, reach), plain, mix)


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
    border=Border.MIRRORED,
    merge=Rows(halo=_derivative_halo),
    work=10.0,
    alpha=Alpha.WEIGHED,
    gray=True,
    size=Integer(3, 1, 7, "pixels", odd=True),
    scale=_SCALE,
)
def sobel(image: Image, size: int, scale: float, alpha: Image | None) -> Image:
    """Magnitude of the luma's gradient by Sobel's kernels."""
    x, y = partial(cv2.Sobel, dx=1, dy=0, ksize=size), partial(cv2.Sobel, dx=0, dy=1, ksize=size)
    return _derived(image, alpha, _derivative_halo(size), [x, y], scale)


@register(
    "scharr", border=Border.MIRRORED, merge=Rows(halo=one_row), work=10.0, alpha=Alpha.WEIGHED, gray=True, scale=_SCALE
)
def scharr(image: Image, scale: float, alpha: Image | None) -> Image:
    """Magnitude of the luma's gradient by Scharr's 3 x 3 kernels, which weigh all directions alike."""
    x, y = partial(cv2.Scharr, dx=1, dy=0), partial(cv2.Scharr, dx=0, dy=1)
    return _derived(image, alpha, 1, [x, y], scale)


@register(
    "laplacian",
    border=Border.MIRRORED,
    merge=Rows(halo=_derivative_halo),
    work=10.0,
    alpha=Alpha.WEIGHED,
    gray=True,
    size=Integer(3, 1, 7, "pixels; 1 takes the four neighbours", odd=True),
    scale=Number(1.0, 0.001, 1000.0, "factor of the result; at 1 nothing exceeds white"),
)
def laplacian(image: Image, size: int, scale: float, alpha: Image | None) -> Image:
    """Absolute value of the luma's second derivative."""
    return _derived(image, alpha, _derivative_halo(size), [partial(cv2.Laplacian, ksize=size)], scale)
