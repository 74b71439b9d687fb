"""Filters that shrink and grow what is bright. Pixels beyond the image's edge never count, and
neither do wholly transparent ones.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _corners(size: int) -> Image:
    """The corners of the convex hull of a disk, as an element of the same size."""
    down, across = np.nonzero(_disk(size))
    hull = cv2.convexHull(np.column_stack([across, down]).astype(np.int32))[:, 0]
    corners = np.zeros((size, size), np.uint8)
    corners[hull[:, 1], hull[:, 0]] = 1
    return corners


_FULL = 2  # disks after which the corners of disks are enough

_Operation = Callable[..., Image]  # cv2.erode or cv2.dilate


def _repeated(operation: _Operation, image: Image, shape: str, size: int, iterations: int, outside: int) -> Image:
    """A disk n times over is a shape P n times as large. Any point of n P, with n above 2, is a mean of three of its
    corners (Caratheodory), one of which counts for a third or more; so it lies in (n - 1) P moved to a corner of P, and
    the whole numbers among these points lie there, too. So each disk after the second one needs no more than its
    corners, 4 % of its pixels at size 51. The image gets a border that does not count, since the way by the corners may
    lead beyond its edges.
    """
    if shape != "ellipse" or iterations <= _FULL or size < 3:
        return operation(image, _SHAPES[shape](size), iterations=iterations)
    reach = size // 2 * iterations
    wide = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=[outside] * 4)
    wide = operation(wide, _disk(size), iterations=_FULL)
    wide = operation(wide, _corners(size), iterations=iterations - _FULL)
    return np.ascontiguousarray(wide[reach:-reach, reach:-reach])


def _work(iterations: int, **_values: Any) -> float:
    return 8.0 if iterations > _FULL else 2.0


def _work_twice(**values: Any) -> float:
    return 2 + _work(**values)


def _eroded(image: Image, alpha: Image | None, shape: str, size: int, iterations: int) -> Image:
    white = int(np.iinfo(image.dtype).max)
    return _repeated(cv2.erode, without(image, alpha, white), shape, size, iterations, white)


def _dilated(image: Image, alpha: Image | None, shape: str, size: int, iterations: int) -> Image:
    return _repeated(cv2.dilate, without(image, alpha, 0), shape, size, iterations, 0)


@register(
    "erode",
    border=Border.LEFT_OUT,
    merge=Rows(halo=_reach),
    work=_work,
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
    work=_work,
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
    work=_work_twice,
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
    work=_work_twice,
    alpha=Alpha.WEIGHED,
    keeps_bilevel=True,
    shape=_SHAPE,
    size=_SIZE,
    iterations=_ITERATIONS,
)
def closing(image: Image, shape: str, size: int, iterations: int, alpha: Image | None) -> Image:
    """Dilation, then erosion: small dark parts vanish."""
    return _eroded(_dilated(image, alpha, shape, size, iterations), alpha, shape, size, iterations)
