"""Filters that shrink and grow what is bright. Pixels beyond the image's edge never count, and
neither do wholly transparent ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.filters.parameters import Choice, Integer
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.filters.transparency import without
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2


def _disk(size: int) -> Image:
    """1 within size // 2 of the middle. The ellipses of cv2.getStructuringElement are not symmetric."""
    across = np.arange(size) - size // 2
    return (across**2 + across[:, None] ** 2 <= (size // 2) ** 2).astype(np.uint8)


def _rect(size: int) -> Image:
    return np.ones((size, size), np.uint8)


def _cross(size: int) -> Image:
    return cv2.getStructuringElement(cv2.MORPH_CROSS, (size, size))


_SHAPES = {"ellipse": _disk, "rect": _rect, "cross": _cross}
_SHAPE = Choice("ellipse", tuple(_SHAPES))
_SIZE = Integer(3, 1, 51, "pixels", odd=True)
_ITERATIONS = Integer(1, 1, 10)


def _reach(size: int, iterations: int, **_values: Any) -> int:
    return size // 2 * iterations


def _reach_twice(size: int, iterations: int, **_values: Any) -> int:
    """Opening and closing are two operations in a row."""
    return 2 * _reach(size, iterations)


def _eroded(image: Image, alpha: Image | None, shape: str, size: int, iterations: int) -> Image:
    element = _SHAPES[shape](size)
    return cv2.erode(without(image, alpha, np.iinfo(image.dtype).max), element, iterations=iterations)


def _dilated(image: Image, alpha: Image | None, shape: str, size: int, iterations: int) -> Image:
    element = _SHAPES[shape](size)
    return cv2.dilate(without(image, alpha, 0), element, iterations=iterations)


@register(
    "erode",
    border=Border.LEFT_OUT,
    merge=Rows(halo=_reach),
    work=2.0,
    alpha=Alpha.WEIGHED,
    keeps_bilevel=True,
    shape=_SHAPE,
    size=_SIZE,
    iterations=_ITERATIONS,
)
def erode(image: Image, shape: str, size: int, iterations: int, alpha: Image | None) -> Image:
    """Minimum of the neighbourhood: bright parts shrink."""
    return _eroded(image, alpha, shape, size, iterations)


@register(
    "dilate",
    border=Border.LEFT_OUT,
    merge=Rows(halo=_reach),
    work=2.0,
    alpha=Alpha.WEIGHED,
    keeps_bilevel=True,
    shape=_SHAPE,
    size=_SIZE,
    iterations=_ITERATIONS,
)
def dilate(image: Image, shape: str, size: int, iterations: int, alpha: Image | None) -> Image:
    """Maximum of the neighbourhood: bright parts grow."""
    return _dilated(image, alpha, shape, size, iterations)


@register(
    "open",
    border=Border.LEFT_OUT,
    merge=Rows(halo=_reach_twice),
    work=4.0,
    alpha=Alpha.WEIGHED,
    keeps_bilevel=True,
    shape=_SHAPE,
    size=_SIZE,
    iterations=_ITERATIONS,
)
def opening(image: Image, shape: str, size: int, iterations: int, alpha: Image | None) -> Image:
    """Erosion, then dilation: small bright parts vanish."""
    return _dilated(_eroded(image, alpha, shape, size, iterations), alpha, shape, size, iterations)


@register(
    "close",
    border=Border.LEFT_OUT,
    merge=Rows(halo=_reach_twice),
    work=4.0,
    alpha=Alpha.WEIGHED,
    keeps_bilevel=True,
    shape=_SHAPE,
    size=_SIZE,
    iterations=_ITERATIONS,
)
def closing(image: Image, shape: str, size: int, iterations: int, alpha: Image | None) -> Image:
    """Dilation, then erosion: small dark parts vanish."""
    return _eroded(_dilated(image, alpha, shape, size, iterations), alpha, shape, size, iterations)
