"""CLAHE of images that are not opaque, in which each pixel counts by its alpha, and of 16 bits a sample.

cv2.createCLAHE knows no weights, and at 16 bits it takes a histogram of 65,536 levels, which clips nothing in images
below some megapixels.

The steps are those of OpenCV (Zuiderveld 1994) in floating point: clipped histograms of tiles, and pixels whose mapping
is blended from those of the four tiles around them. A tile that shows nothing is left out of the blend.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters.histogram import count
from filterfleet.worker.pixels.depth import nearest_levels, to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_LEVELS = 256
_Table = NDArray[np.float32] | None  # the new level of each level; None for a tile that shows nothing


def clahe_by_tables(gray: Image, alpha: Image | None, clip: float, grid: tuple[int, int]) -> Image:
    """gray and alpha are (h, w) of the same dtype, uint8 or uint16; without alpha, all is opaque. clip is in multiples
    of the mean count of a level. grid is the number of tiles across and down, at most the sides in pixels. What is
    wholly transparent stays as it is.
    """
    (height, width), (across, down) = gray.shape, grid
    even = width % across == height % down == 0
    right, below = (0, 0) if even else (across - width % across, down - height % down)
    reflected = cv2.BORDER_REFLECT_101
    levels = cv2.copyMakeBorder(gray, 0, below, 0, right, reflected)
    weights = None if alpha is None else cv2.copyMakeBorder(alpha, 0, below, 0, right, reflected)
    tile_width, tile_height = (width + right) // across, (height + below) // down

    @functools.lru_cache(maxsize=2 * across)  # those of two rows of tiles, which the pixels between them need
    def table(row: int, column: int) -> _Table:
        rows = slice(row * tile_height, (row + 1) * tile_height)
        columns = slice(column * tile_width, (column + 1) * tile_width)
        return _table(levels[rows, columns], None if weights is None else weights[rows, columns], clip)

    result = gray.copy()
    gaps = (_gaps(height, tile_height, down), list(_gaps(width, tile_width, across)))
    for (rows, *vertical), (columns, *horizontal) in itertools.product(*gaps):
        block = _blended(gray[rows, columns], table, vertical, horizontal)
        shown = slice(None) if alpha is None else alpha[rows, columns] > 0
        result[rows, columns][shown] = nearest_levels(block[shown], gray.dtype)
    return result


def _gaps(length: int, tile: int, tiles: int) -> Iterator[tuple[slice, int, int, NDArray[np.float32]]]:
    """The pixels between the middles of two tiles, for all tiles along one side: where they are, the numbers of the two
    tiles, and the share of the second tile in each pixel.
    """
    places = np.arange(length) / tile - 0.5
    before = np.floor(places).astype(int)
    for first in range(-1, tiles):
        start, stop = np.searchsorted(before, (first, first + 1))
        if start < stop:
            share = (places[start:stop] - first).astype(np.float32)
            yield slice(int(start), int(stop)), max(first, 0), min(first + 1, tiles - 1), share


def _blended(
    block: Image, table: Callable[[int, int], _Table], vertical: Sequence[Any], horizontal: Sequence[Any]
) -> NDArray[np.float32]:
    """The block by the tables of the four tiles around it, each by its share."""
    top, bottom, down = vertical
    left, right, across = horizontal
    total, weights = np.zeros(block.shape, np.float32), np.zeros(block.shape, np.float32)
    for row, shares in ((top, 1 - down), (bottom, down)):
        for column, others in ((left, 1 - across), (right, across)):
            levels = table(row, column)
            if levels is not None:
                share = shares[:, None] * others
                total += levels[block] * share
                weights += share
    return np.divide(total, weights, out=total, where=weights > 0)


def _table(gray: Image, alpha: Image | None, clip: float) -> _Table:
    """The mapping of a tile: its histogram, in which what exceeds the limit is spread over all levels, added up. The
    histogram has 256 levels, since most of 65,536 would be empty in a tile: at 16 bits the mapping is drawn out.
    """
    if alpha is None:
        counts = count(to_8_bits(gray)).astype(np.float64)
    elif alpha.any():
        counts = count(to_8_bits(gray), alpha) / np.iinfo(alpha.dtype).max
    else:
        return None
    pixels = float(counts.sum())
    limit = max(int(clip * pixels / _LEVELS), 1)
    excess = float(np.maximum(counts - limit, 0).sum())
    mapping = np.cumsum(np.minimum(counts, limit) + _spread(excess, _LEVELS)) * ((_LEVELS - 1) / pixels)
    mapping = np.minimum(mapping, _LEVELS - 1)
    if gray.dtype == np.uint8:
        return np.rint(mapping).astype(np.float32)
    # A level of 8 bits stands for 257 levels of 16.
    return (np.interp(np.arange(65536) / 257, np.arange(_LEVELS), mapping) * 257).astype(np.float32)


def _spread(pixels: float, levels: int) -> NDArray[np.float64]:
    """The pixels, evenly over the levels: whole ones for all, and the rest one by one at even distances."""
    shares = np.full(levels, pixels // levels)
    whole, part = divmod(pixels % levels, 1)
    step = max(levels // max(int(whole), 1), 1)
    shares[: int(whole) * step : step] += 1
    shares[-1] += part
    return shares
