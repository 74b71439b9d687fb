"""A change of size in strips, where the result is the very same.

- By index: INTER_NEAREST chooses rows, wherever a strip ends.
- By whole periods: every height / gcd(height, new height) rows, the weights of INTER_AREA repeat where the ratio is
  whole. Strips cut there are resized as the whole is. However long a period is, OpenCV's sums of 16 bits are not those
  of the way by area.
- By area: for other ratios, INTER_AREA to fewer pixels is computed as OpenCV does it (modules/imgproc/src/resize.cpp,
  ResizeArea_Invoker): float32 sums along each row, then of rows, in the same order.
- By weighted means of filters.resampling, which are exact.
"""

from __future__ import annotations

import bisect
import functools
import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters.resampling import Axis, Part, axes, opencvs, weighted
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.span import Span

_NEGLIGIBLE = 1e-3  # parts of a row that OpenCV leaves out of an area
PIECE = 32  # rows converted to float32 at once
_NAMES = {cv2.INTER_LINEAR: "linear", cv2.INTER_CUBIC: "cubic", cv2.INTER_LANCZOS4: "lanczos4", cv2.INTER_AREA: "area"}


class Plan(Protocol):
    """The size of the result, in pixels, and how its rows follow from a band of the image's rows."""

    width: int
    height: int
    reach: int  # rows below a band at which it looks, at most

    def makes(self, band: Span) -> Span:
        """The rows of the result that belong to this band. Bands that cover the image make the whole result."""

    def needs(self, band: Span) -> Span:
        """The rows of the image from which those are computed."""

    def resize(self, rows: Image, band: Span) -> Image:
        """The rows of the result, given the rows needed."""


@functools.lru_cache(maxsize=256)
def plan(width: int, height: int, new_width: int, new_height: int, method: int | str, part: Part | None = None) -> Plan:
    """method and part are those of filters.merge.Resampled. Raises ImageError, with the end of a sentence, if strips
    would differ from the whole.
    """
    if isinstance(method, str):
        opencvs_method = opencvs(width, height, (new_width, new_height), method, part)
        if opencvs_method is None:
            return _Weighted(*axes(width, height, (new_width, new_height), method, part))
        method = opencvs_method
    if method == cv2.INTER_NEAREST or (width, height) == (new_width, new_height):
        return _Nearest(height, new_width, new_height)
    if method == cv2.INTER_AREA and new_width <= width and new_height <= height:
        if width % new_width == 0 and height % new_height == 0:
            return _Periods(height, new_width, new_height)
        return _Area(width, height, new_width, new_height)
    name = _NAMES.get(method, str(method))
    raise ImageError(
        f"cannot resize {width} x {height} pixels to {new_width} x {new_height} by OpenCV's method {name!r} in strips."
    )


class _Weighted:
    """Each row of the result is a weighted mean of rows of the image. A band makes those whose first row lies in it."""

    def __init__(self, across: Axis, down: Axis) -> None:
        self.width, self.height = across.new_length, down.new_length
        self._across, self._down = across, down
        self._firsts = down.first_samples()
        self.reach = down.most_samples() - 1

    def makes(self, band: Span) -> Span:
        return Span(*map(int, np.searchsorted(self._firsts, (band.top, band.bottom))))

    def needs(self, band: Span) -> Span:
        made = self.makes(band)
        return band | Span(band.top, self._down.needs(made.top, made.bottom).stop) if len(made) else band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        return weighted(rows, band.top, self._across, self._down, made.top, made.bottom)


class _Nearest:
    """Each row of the result is a row of the image."""

    def __init__(self, height: int, new_width: int, new_height: int) -> None:
        self.width, self.height, self.reach = new_width, new_height, 0
        ratio = 1 / (new_height / height)  # rounded as OpenCV does it
        self._rows = np.minimum(np.floor(np.arange(new_height) * ratio), height - 1).astype(np.int64)

    def makes(self, band: Span) -> Span:
        return Span(int(np.searchsorted(self._rows, band.top)), int(np.searchsorted(self._rows, band.bottom)))

    def needs(self, band: Span) -> Span:
        return band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        chosen = rows[self._rows[made.top : made.bottom] - band.top]
        if not len(made):
            return _none_like(rows, self.width)
        resized: Image = cv2.resize(chosen, (self.width, len(made)), interpolation=cv2.INTER_NEAREST)
        return _like(resized, rows)


class _Periods:
    """Whole periods are resized by OpenCV itself, by area. A band makes the periods that begin in it."""

    def __init__(self, height: int, new_width: int, new_height: int) -> None:
        self.width, self.height = new_width, new_height
        self._period = height // math.gcd(height, new_height)  # rows of the image
        self.reach = self._period - 1
        self._new_period = new_height // math.gcd(height, new_height)  # rows of the result

    def _periods(self, band: Span) -> Span:
        return Span(-(-band.top // self._period), -(-band.bottom // self._period))

    def makes(self, band: Span) -> Span:
        periods = self._periods(band)
        return Span(periods.top * self._new_period, periods.bottom * self._new_period)

    def needs(self, band: Span) -> Span:
        periods = self._periods(band)
        return Span(periods.top * self._period, periods.bottom * self._period) if len(periods) else band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        if not len(made):
            return _none_like(rows, self.width)
        return _like(cv2.resize(rows, (self.width, len(made)), interpolation=cv2.INTER_AREA), rows)


class _Area:
    """Each row of the result is a weighted mean of rows of the image. A band makes those whose first row lies in it."""

    def __init__(self, width: int, height: int, new_width: int, new_height: int) -> None:
        self.width, self.height = new_width, new_height
        self._image_width, self._image_height = width, height
        self.reach = math.ceil(height / new_height)  # of a row of the result, its parts at both ends included

    def _weights(self, row: int) -> list[tuple[int, np.float32]]:
        return _weights(row, self._image_height, self.height)

    def _first_from(self, image_row: int) -> int:
        """The first row of the result that begins at this row of the image or below it."""
        return bisect.bisect_left(range(self.height), image_row, key=lambda row: self._weights(row)[0][0])

    def makes(self, band: Span) -> Span:
        return Span(self._first_from(band.top), self._first_from(band.bottom))

    def needs(self, band: Span) -> Span:
        made = self.makes(band)
        return band | Span(band.top, self._weights(made.bottom - 1)[-1][0] + 1) if len(made) else band

    def resize(self, rows: Image, band: Span) -> Image:
        made = self.makes(band)
        if not len(made):
            return _none_like(rows, self.width)
        means = np.concatenate([self._row_means(rows[top : top + PIECE]) for top in range(0, len(rows), PIECE)])
        resized = np.empty((len(made), self.width, *rows.shape[2:]), rows.dtype)
        for target, row in zip(resized, range(made.top, made.bottom), strict=True):
            (first, weight), *others = self._weights(row)
            total = means[first - band.top] * weight
            for other, more in others:
                total += means[other - band.top] * more
            target[:] = total if target.dtype.kind == "f" else np.rint(total)
        return resized

    def _row_means(self, rows: Image) -> NDArray[np.float32]:
        """The rows with the new width: each sample is a mean along its row."""
        values = rows.astype(np.float32)
        if self._image_width % self.width:
            return _like(cv2.resize(values, (self.width, len(rows)), interpolation=cv2.INTER_AREA), rows)
        # For a whole ratio along the rows, cv2.resize would compute in another way than for the whole image.
        count = self._image_width // self.width
        weight = np.float32(1 / count)
        sums: NDArray[np.float32] = values[:, ::count] * weight
        for column in range(1, count):
            sums += values[:, column::count] * weight
        return sums


def _weights(row: int, height: int, new_height: int) -> list[tuple[int, np.float32]]:
    """The rows of the image of which a row of the result is the mean, from the top, with their weights: OpenCV's
    computeResizeAreaTab.
    """
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
    """The resized rows with as many axes as rows: cv2 drops an axis of length 1."""
    return resized.reshape(*resized.shape[:2], *rows.shape[2:])


def _none_like(rows: Image, width: int) -> Image:
    """No rows of this width, of the kind that rows are."""
    return np.empty((0, width, *rows.shape[2:]), rows.dtype)
