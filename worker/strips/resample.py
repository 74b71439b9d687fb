"""cv2.resize in strips, where the result is the very same: by index, by whole periods of the ratio, or by area.

Between multiples of height / gcd(height, new height) rows the same weights come again. Strips cut there are resized as
the whole is, if the weights have no rounding that depends on where they are. For other ratios INTER_AREA to fewer
pixels is computed as OpenCV does (modules/imgproc/src/resize.cpp, ResizeArea_Invoker): float32 sums along each row,
then of rows, in the same order.
"""

from __future__ import annotations

import bisect
import functools
import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.span import Span

_LONGEST_PERIOD = 512  # rows that are resized at once
_CUBIC_REACH = 3  # rows
_FINEST = 64  # parts of a row
_NEGLIGIBLE = 1e-3  # of a row: OpenCV leaves such parts out
_PIECE = 32  # rows that are float32 at a time
_NAMES = {cv2.INTER_LINEAR: "linear", cv2.INTER_CUBIC: "cubic", cv2.INTER_LANCZOS4: "lanczos", cv2.INTER_AREA: "area"}


class Plan(Protocol):
    """The size of the result, in pixels, and how its rows follow from a band of the image's."""

    width: int
    height: int

    def makes(self, band: Span) -> Span:
        """The rows of the result that are this band's; bands that cover the image cover the result."""

    def needs(self, band: Span) -> Span:
        """The rows of the image they are made from."""

    def resize(self, rows: Image, band: Span) -> Image:
        """The rows of the result, from the rows needed."""


@functools.lru_cache(maxsize=256)
def plan(width: int, height: int, new_width: int, new_height: int, method: int) -> Plan:
    """method is one of cv2.INTER_*. Raises ImageError, with the end of a sentence, if strips are not the whole."""
    if method == cv2.INTER_NEAREST or (width, height) == (new_width, new_height):
        return _Nearest(height, new_width, new_height)
    if method == cv2.INTER_AREA and new_width <= width and new_height <= height:
        if width % new_width == 0 and height % new_height == 0 and height // new_height <= _LONGEST_PERIOD:
            return _Periods(height, new_width, new_height, method, 0)
        return _Area(width, height, new_width, new_height)
    if method == cv2.INTER_CUBIC and _is_exact(height, new_height):
        return _Periods(height, new_width, new_height, method, _CUBIC_REACH)
    name = _NAMES.get(method, str(method))
    raise ImageError(
        f"cannot change {width} x {height} pixels to {new_width} x {new_height} by the method {name!r} in strips: "
        "use 'area', to fewer pixels, or 'nearest'."
    )


def _is_exact(height: int, new_height: int) -> bool:
    """OpenCV rounds the places it interpolates at to float32, coarser the further down; those of a ratio over a power
    of two need no rounding, so that each strip has the places of the whole."""
    divisor = math.gcd(height, new_height)
    period, new_period = height // divisor, new_height // divisor
    return period <= _LONGEST_PERIOD and new_period <= _FINEST and new_period.bit_count() == 1


class _Nearest:
    def __init__(self, height: int, new_width: int, new_height: int) -> None:
        self.width, self.height = new_width, new_height
        ratio = 1 / (new_height / height)  # OpenCV's own rounding
        self._rows = np.minimum(np.floor(np.arange(new_height) * ratio), height - 1).astype(np.int64)

    def makes(self, band: Span) -> Span:
        return Span(int(np.searchsorted(self._rows, band.top)), int(np.searchsorted(self._rows, band.bottom)))

    def needs(self, band: Span) -> Span:
        return band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        chosen = rows[self._rows[made.top : made.bottom] - band.top]
        if not len(made):
            return np.empty((0, self.width, *rows.shape[2:]), rows.dtype)
        resized: Image = cv2.resize(chosen, (self.width, len(made)), interpolation=cv2.INTER_NEAREST)
        return _like(resized, rows)


class _Periods:
    """reach is in rows beyond the ones that are resized."""

    def __init__(self, height: int, new_width: int, new_height: int, method: int, reach: int) -> None:
        self.width, self.height = new_width, new_height
        self._image_height, self._method = height, method
        self._period = height // math.gcd(height, new_height)
        self._new_period = new_height // math.gcd(height, new_height)
        self._margin = -(-reach // self._period)  # periods

    def _periods(self, band: Span) -> Span:
        return Span(-(-band.top // self._period), -(-band.bottom // self._period))

    def makes(self, band: Span) -> Span:
        periods = self._periods(band)
        return Span(periods.top * self._new_period, periods.bottom * self._new_period)

    def needs(self, band: Span) -> Span:
        periods = self._periods(band)
        if not len(periods):
            return band
        wide = periods.widened(self._margin)
        return Span(wide.top * self._period, wide.bottom * self._period).clipped(self._image_height)

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        if not len(made):
            return np.empty((0, self.width, *rows.shape[2:]), rows.dtype)
        first = self.needs(band).top // self._period * self._new_period
        height = len(rows) // self._period * self._new_period
        resized = cv2.resize(rows, (self.width, height), interpolation=self._method)
        return _like(resized, rows)[made.within(Span(first, first + height))]


class _Area:
    def __init__(self, width: int, height: int, new_width: int, new_height: int) -> None:
        self.width, self.height = new_width, new_height
        self._image_width = width
        self._weights = [_weights(row, height, new_height) for row in range(new_height)]
        self._firsts = [weights[0][0] for weights in self._weights]

    def makes(self, band: Span) -> Span:
        return Span(bisect.bisect_left(self._firsts, band.top), bisect.bisect_left(self._firsts, band.bottom))

    def needs(self, band: Span) -> Span:
        made = self.makes(band)
        return band | Span(band.top, self._weights[made.bottom - 1][-1][0] + 1) if len(made) else band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        resized = np.empty((len(made), self.width, *rows.shape[2:]), rows.dtype)
        parts = [self._sums(rows[top : top + _PIECE]) for top in range(0, len(rows), _PIECE)]
        sums = np.concatenate(parts) if len(made) else parts[0]
        for target, weights in zip(resized, self._weights[made.top : made.bottom], strict=True):
            (first, weight), *others = weights
            total = sums[first - band.top] * weight
            for row, more in others:
                total += sums[row - band.top] * more
            target[:] = np.rint(total)
        return resized

    def _sums(self, rows: Image) -> NDArray[np.float32]:
        """Means along each row."""
        values = rows.astype(np.float32)
        if self._image_width % self.width:
            return _like(cv2.resize(values, (self.width, len(rows)), interpolation=cv2.INTER_AREA), rows)
        # cv2 would take its way for integer ratios, which rounds otherwise.
        count = self._image_width // self.width
        weight = np.float32(1 / count)
        sums: NDArray[np.float32] = values[:, ::count] * weight
        for column in range(1, count):
            sums += values[:, column::count] * weight
        return sums


def _weights(row: int, height: int, new_height: int) -> list[tuple[int, np.float32]]:
    """Which rows a row of the result is the mean of, and their weights: OpenCV's computeResizeAreaTab."""
    scale = height / new_height
    top = row * scale
    bottom = top + scale
    cell = min(scale, height - top)
    last = min(math.floor(bottom), height - 1)
    first = min(math.ceil(top), last)
    weights = []
    if first - top > _NEGLIGIBLE:
        weights.append((first - 1, np.float32((first - top) / cell)))
    weights += [(whole, np.float32(1 / cell)) for whole in range(first, last)]
    if bottom - last > _NEGLIGIBLE:
        weights.append((last, np.float32(min(bottom - last, 1.0, cell) / cell)))
    return weights


def _like(resized: Image, rows: Image) -> Image:
    """cv2 drops a channel axis of length 1; rows have none, but may have two channels."""
    return resized.reshape(*resized.shape[:2], *rows.shape[2:])
