"""Non-local means with the integers of cv2.fastNlMeansDenoising, and so with its pixels.

OpenCV walks from pixel to pixel and compares each with all around it. Here, all pixels of a tile are compared at once
with those at one distance (Darbon et al. 2008), which suits vector instructions; and two pixels have the same weight
for each other, so that half of the distances tell all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

Integers = NDArray[np.int32]

# Pixels of a tile. Of smaller tiles, a larger part is computed twice, for their neighbours as well. Larger ones take
# more memory, up to 46 bytes a pixel, and leave the processor's cache.
_ROWS, _COLUMNS = 64, 768

_LEVELS = 65536  # of 16 bits: cv2.LUT takes tables of that length
_LEAST = 0.001  # the share of the largest weight below which a weight is 0


def non_local_means(image: Image, strength: float, template: int, search: int) -> Image:
    """image is (h, w) or (h, w, 3) of uint8. strength is in levels; template and search are odd numbers of pixels.
    Beyond its edges, the image is mirrored.
    """
    around = search // 2 + template // 2
    padded = cv2.copyMakeBorder(image, around, around, around, around, cv2.BORDER_REFLECT_101)
    result = np.empty_like(image, order="C")
    tiles = _Tiles(result[:_ROWS, :_COLUMNS].shape, strength, template, search)
    for top in range(0, image.shape[0], _ROWS):
        for left in range(0, image.shape[1], _COLUMNS):
            part = result[top : top + _ROWS, left : left + _COLUMNS]
            below, right = top + part.shape[0] + 2 * around, left + part.shape[1] + 2 * around
            tiles.average(padded[top:below, left:right], part)
    return result


class _Tiles:
    """Averages one tile after the other in the same memory.

    A tile lies in one dimension, row behind row, so that a distance is one number, and each operation one loop. What is
    computed across the ends of rows has no meaning, and is left out in the end.
    """

    def __init__(self, largest: tuple[int, ...], strength: float, template: int, search: int) -> None:
        """largest is the shape of the largest tile."""
        height, width, channels = (*largest, 1)[:3]
        self._template, self._reach = template, search // 2
        self._table, self._shift = _weights(channels, strength, template, search)
        around = search // 2 + template // 2
        pixels = (height + 2 * around) * (width + 2 * around)
        self._planes, self._totals = (np.empty((channels, pixels), np.int32) for _ in range(2))
        self._sums, self._weights = (np.empty(pixels, np.int32) for _ in range(2))
        self._squares, self._pairs, self._fours = (np.empty(pixels, np.int32) for _ in range(3))
        self._indices = np.empty(pixels, np.uint16)

    def average(self, tile: Image, result: Image) -> None:
        """Fills the result, (h, w) or (h, w, 3), from a tile: the same pixels and those around them."""
        (height, width), (rows, stride) = result.shape[:2], tile.shape[:2]
        planes = self._planes[:, : rows * stride]
        for plane, channel in zip(planes, cv2.split(tile), strict=True):
            plane.reshape(rows, stride)[:] = channel
        first = (rows - height) // 2 * (stride + 1)
        length = (height - 1) * stride + width
        totals, sums, products = self._totals[:, :length], self._sums[:length], self._pairs[:length]
        np.multiply(planes[:, first : first + length], self._table[0], out=totals)
        sums[:] = self._table[0]
        for move in self._moves(stride):
            found = self._compare(planes, stride, first - move, first + length, move)
            for weights, start in ((found[move:], first + move), (found[:length], first - move)):
                np.add(sums, weights, out=sums)
                for total, plane in zip(totals, planes, strict=True):
                    np.multiply(plane[start : start + length], weights, out=products)
                    np.add(total, products, out=total)
        for number, total in enumerate(totals.view(np.uint32)):  # up to 2^31, and half of the sum is added
            np.add(total, sums.view(np.uint32) // 2, out=total)
            np.floor_divide(total, sums.view(np.uint32), out=total)
            channel = result if result.ndim == 2 else result[:, :, number]
            channel[:] = self._totals[number, : height * stride].reshape(height, stride)[:, :width]

    def _moves(self, stride: int) -> list[int]:
        """The distances to half of the pixels that a pixel is compared with, without itself."""
        reach = self._reach
        moves = [down * stride + across for down in range(reach + 1) for across in range(-reach, reach + 1)]
        return [move for move in moves if move > 0]

    def _compare(self, planes: Integers, stride: int, start: int, stop: int, move: int) -> Integers:
        """The weights of the pixels from start to stop and those at a distance of move for each other."""
        margin = self._template // 2 * (stride + 1)
        start, stop = start - margin, stop + margin
        total, spare = self._squares[: stop - start], self._pairs[: stop - start]
        for number, plane in enumerate(planes):
            squares = spare if number else total
            np.subtract(plane[start:stop], plane[start + move : stop + move], out=squares)
            np.multiply(squares, squares, out=squares)
            if number:
                np.add(total, squares, out=total)
        for step in (stride, 1):
            total = self._add_up(total, step)
        np.right_shift(total, self._shift, out=total)
        return self._look_up(total)

    def _add_up(self, samples: Integers, step: int) -> Integers:
        """The sums of as many samples as a neighbourhood has across, each step behind the one before; made of those of
        2, 4 and 8 of them. It overwrites the samples.
        """
        size = self._template
        length = len(samples) - (size - 1) * step
        result, run, spare = samples[:length], samples, [self._pairs, self._fours]
        width = added = 1
        while 2 * width <= size:
            longer = spare[0][: len(run) - width * step]
            np.add(run[: len(longer)], run[width * step :], out=longer)
            spare.reverse()
            run, width = longer, 2 * width
            if size & width:
                np.add(result, run[added * step : added * step + length], out=result)
                added += width
        return result

    def _look_up(self, means: Integers) -> Integers:
        """The weights of these means of squares, which it overwrites."""
        result, indices = self._weights[: len(means)], self._indices[: len(means)]
        if len(self._table) > _LEVELS:
            return np.take(self._table, means, out=result, mode="clip")
        if len(self._planes) > 1:  # the mean of one square is no more than 255^2
            np.minimum(means, _LEVELS - 1, out=means)
        np.copyto(indices, means, casting="unsafe")
        cv2.LUT(indices[None], self._table, result[None])  # in half the time of take
        return result


def _weights(channels: int, strength: float, template: int, search: int) -> tuple[Integers, int]:
    """The weights of two pixels, by the mean squared difference of their neighbourhoods; and by how many bits the sum
    of these is shifted to give the mean, which so is a little too small. The table has at least 65,536 weights, and
    from its last one on, all are 0.
    """
    shift = (template**2 - 1).bit_length()
    scale = (1 << shift) / template**2
    largest = np.iinfo(np.int32).max // (search**2 * 255)
    means = np.arange(int(255**2 * channels / scale + 1)) * scale
    h = np.float32(strength)
    weights = np.rint(largest * np.exp(-means / float(h * h * np.float32(channels))))
    weights[weights < _LEAST * largest] = 0
    table = np.zeros(max(_LEVELS, int(np.count_nonzero(weights)) + 1), np.int32)
    table[: len(weights)] = weights[: len(table)]
    return table, shift
