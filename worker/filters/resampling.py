"""Changing the size by weighted means, without aliasing: where an image shrinks, the kernel widens with the ratio.

Pillow, ImageMagick and libvips resample this way; cv2.resize looks at the same few pixels whatever the ratio. A pixel
of the result is centred at (i + 0.5) * ratio of the image, and the kernel is cut off at the image's edges.

Weights are whole numbers of 1 / 2^bits, and sums of whole numbers are exact in float64 up to 2^53. So the result does
not depend on the order in which a library adds, nor on where a strip begins.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

Weights = NDArray[np.float64]

# Pixels of the result whose weights stand in one matrix. A larger value multiplies by more zeros; with a smaller one,
# the calls take longer than the sums.
_BLOCK = 16

# Samples in float64 at once. A larger value takes more memory; with a smaller one, the calls take longer than the sums.
_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Precision:
    """Bits after the point: of a weight, and of a row that has its new width."""

    weight: int
    row: int


# 16 bits a sample, 8 more, 20 of a weight, and the sum of many: less than 53. Colours times alpha have up to 32 bits.
_INTEGERS, _PRODUCTS = _Precision(20, 8), _Precision(16, 3)


def _box(x: Any) -> Any:
    return (x >= -0.5) & (x < 0.5)


def _triangle(x: Any) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: Any) -> Any:
    """Keys 1981, with a = -0.5."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: Any) -> Any:
    """Of three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_Kernel = tuple[Callable[[Any], Any], float]  # and how far it reaches
_BOX, _TRIANGLE = (_box, 0.5), (_triangle, 1.0)
_KERNELS: dict[str, _Kernel] = {"linear": _TRIANGLE, "cubic": (_cubic, 2.0), "lanczos": (_lanczos, 3.0)}
METHODS = ("area", "nearest", *_KERNELS)


Part = tuple[float, float, float, float]  # of an image: left, top, width and height, in pixels


def opencvs(width: int, height: int, size: tuple[int, int], method: str, part: Part | None = None) -> int | None:
    """The method of cv2.resize that changes width x height to size as method wants, or None if weighted() does."""
    if part is not None:
        return None
    if method == "nearest":
        return cv2.INTER_NEAREST
    # To enlarge by area would make blocks.
    return cv2.INTER_AREA if method == "area" and size[0] <= width and size[1] <= height else None


def resample(image: Image, size: tuple[int, int], method: str, part: Part | None = None) -> Image:
    """The image, or a part of it, with the size (width, height). method is one of METHODS. Takes uint8, uint16, and
    float32 with whole numbers from 0 to 2^32, whose results are neither rounded nor clipped.
    """
    height, width = image.shape[:2]
    code = opencvs(width, height, size, method, part)
    if code is not None:
        return cv2.resize(image, size, interpolation=code)
    return weighted(image, 0, *axes(width, height, size, method, part), 0, size[1])


def axes(width: int, height: int, size: tuple[int, int], method: str, part: Part | None) -> tuple[Axis, Axis]:
    """How an image of width x height, or a part of it, changes to size: across and down."""
    left, top, wide, high = part or (0.0, 0.0, width, height)
    return Axis(width, size[0], method, left, wide), Axis(height, size[1], method, top, high)


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of an image: of which samples a new one is the mean, and with which weights. method is one of METHODS;
    area is linear where it enlarges. The new samples stand for part of the side, which begins at start.
    """

    length: int
    new_length: int
    method: str
    start: float
    part: float

    @property
    def _ratio(self) -> float:
        return self.part / self.new_length

    @property
    def _kernel(self) -> _Kernel:
        return _KERNELS.get(self.method, _BOX if self._ratio > 1 else _TRIANGLE)

    def _spans(self, new: Any) -> tuple[Any, Any, Any]:
        """For new samples: their centres, the first samples with a weight in them, and the first ones after those."""
        centres = self.start + (new + 0.5) * self._ratio
        if self.method == "nearest":
            firsts = np.minimum(np.floor(centres), self.length - 1).astype(np.int64)
            return firsts + 0.5, firsts, firsts + 1
        reach = self._kernel[1] * max(self._ratio, 1.0)
        firsts, lasts = np.floor(centres - reach + 0.5), np.floor(centres + reach + 0.5)
        return centres, np.maximum(firsts, 0).astype(np.int64), np.minimum(lasts, self.length).astype(np.int64)

    def first_samples(self) -> NDArray[np.int64]:
        """For each new sample the first one with a weight in it. They never fall."""
        firsts: NDArray[np.int64] = self._spans(np.arange(self.new_length))[1]
        return firsts

    def most_samples(self) -> int:
        """How many samples have a weight in one new sample, at most."""
        _, firsts, lasts = self._spans(np.arange(self.new_length))
        return int((lasts - firsts).max())

    def needs(self, first: int, last: int) -> slice:
        """The samples with a weight in the new ones from first up to last."""
        _, firsts, lasts = self._spans(np.array([first, last - 1]))
        return slice(int(firsts[0]), int(lasts[1]))

    def matrix(self, first: int, last: int, bits: int) -> Weights:
        """For the new samples from first up to last: a column each, with the weights of the old samples that go
        into it, in units of 1 / 2^bits.
        """
        needed = self.needs(first, last)
        centres, firsts, lasts = self._spans(np.arange(first, last))
        samples = np.arange(needed.start, needed.stop)[:, None]
        weights = self._kernel[0]((samples + 0.5 - centres) / max(self._ratio, 1.0))
        weights = np.where((samples >= firsts) & (samples < lasts), weights, 0.0)
        # The rounded sums go up to exactly 1, so that an even area stays as it is.
        sums = np.rint(np.cumsum(weights, axis=0) / weights.sum(axis=0) * 2.0**bits)
        return np.diff(sums, axis=0, prepend=0.0)


@functools.lru_cache(maxsize=4)
def _columns(axis: Axis, bits: int) -> tuple[tuple[slice, slice, Weights], ...]:
    """All new samples in blocks: which they are, what they need, and the matrix."""
    starts = range(0, axis.new_length, _BLOCK)
    blocks = [(start, min(start + _BLOCK, axis.new_length)) for start in starts]
    return tuple((slice(*block), axis.needs(*block), axis.matrix(*block, bits)) for block in blocks)


def weighted(rows: Image, top: int, across: Axis, down: Axis, first: int, last: int) -> Image:
    """Rows from first up to last of the result. rows hold what they need of the image, from its row top on."""
    precision = _PRODUCTS if rows.dtype.kind == "f" else _INTEGERS
    channels = math.prod(rows.shape[2:])
    result = np.empty((last - first, across.new_length, *rows.shape[2:]), rows.dtype)
    block = max(1, min(_BLOCK, _AT_ONCE // (across.new_length * channels)))
    kept, kept_from = np.empty((0, across.new_length * channels)), 0
    for start in range(first, last, block):
        stop = min(start + block, last)
        needed = down.needs(start, stop)
        done = kept_from + len(kept)
        kept = kept[max(needed.start - kept_from, 0) :]
        kept_from, begin = needed.start, max(needed.start, done)
        kept = np.concatenate([kept, _narrowed(rows[begin - top : needed.stop - top], across, precision)])
        sums = down.matrix(start, stop, precision.weight).T @ kept
        sums *= 2.0 ** -(precision.weight + precision.row)
        if rows.dtype.kind != "f":
            np.rint(sums, out=sums)
            np.clip(sums, 0, np.iinfo(rows.dtype).max, out=sums)
        result[start - first : stop - first] = sums.reshape(stop - start, *result.shape[1:])
    return result


def _narrowed(rows: Image, across: Axis, precision: _Precision) -> Weights:
    """The rows with their new width: (rows, new width * channels) in units of 1 / 2^precision.row."""
    channels = math.prod(rows.shape[2:])
    planes = rows.reshape(len(rows), across.length, channels)
    result = np.empty((len(rows), across.new_length, channels))
    some = max(1, _AT_ONCE // across.length)
    for top in range(0, len(rows), some):
        for channel in range(channels):
            plane = planes[top : top + some, :, channel].astype(np.float64)
            for made, needed, weights in _columns(across, precision.weight):
                result[top : top + some, made, channel] = plane[:, needed] @ weights
    result *= 2.0 ** (precision.row - precision.weight)
    np.rint(result, out=result)
    if rows.dtype.kind != "f":  # a kernel with negative weights may have gone beyond black and white
        np.clip(result, 0, np.iinfo(rows.dtype).max * 2.0**precision.row, out=result)
    return result.reshape(len(rows), across.new_length * channels)
