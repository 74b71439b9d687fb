"""CLAHE of images that are not opaque: each pixel counts by its alpha. cv2.createCLAHE knows no weights.

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

from filterfleet.worker.filters.histogram import weighed
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_Table = NDArray[np.float32] | None  # the new level of each level; None for a tile that shows nothing


def clahe_by_alpha(gray: Image, alpha: Image, clip: float, grid: tuple[int, int]) -> Image:
    """gray and alpha are (h, w) of the same dtype, uint8 or uint16. clip is in multiples of the mean count of a level.
    grid is the number of tiles across and down, at most the sides in pixels. What is wholly transparent stays as it is.
    """
    (height, width), (across, down) = gray.shape, grid
    even = width % across == height % down == 0
    right, below = (0, 0) if even else (across - width % across, down - height % down)
    levels, weights = (
        cv2.copyMakeBorder(samples, 0, below, 0, right, cv2.BORDER_REFLECT_101) for samples in (gray, alpha)
    )
    tile_width, tile_height = (width + right) // across, (height + below) // down

    @functools.lru_cache(maxsize=2 * across)  # those of two rows of tiles, which the pixels between them need
    def table(row: int, column: int) -> _Table:
        rows = slice(row * tile_height, (row + 1) * tile_height)
        columns = slice(column * tile_width, (column + 1) * tile_width)
        return _table(levels[rows, columns], weights[rows, columns], clip)

    result = gray.copy()
    gaps = (_gaps(height, tile_height, down), list(_gaps(width, tile_width, across)))
    for (rows, *vertical), (columns, *horizontal) in itertools.product(*gaps):
        block = _blended(gray[rows, columns], table, vertical, horizontal)
        visible = alpha[rows, columns] > 0
        result[rows, columns][visible] = nearest_levels(block[visible], gray.dtype)
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


def _table(gray: Image, alpha: Image, clip: float) -> _Table:
    """The mapping of a tile: its histogram, in which what exceeds the limit is spread over all levels, added up."""
    if not alpha.any():
        return None
    top = np.iinfo(gray.dtype).max
    counts = weighed(gray, alpha) / top
    pixels = float(counts.sum())
    limit = max(int(clip * pixels / (top + 1)), 1)
    excess = float(np.maximum(counts - limit, 0).sum())
    mapping = np.cumsum(np.minimum(counts, limit) + _spread(excess, top + 1)) * (top / pixels)
    levels: NDArray[np.float32] = np.rint(mapping).clip(0, top).astype(np.float32)
    return levels


def _spread(pixels: float, levels: int) -> NDArray[np.float64]:
    """The pixels, evenly over the levels: whole ones for all, and the rest one by one at even distances."""
    shares = np.full(levels, pixels // levels)
    whole, part = divmod(pixels % levels, 1)
    step = max(levels // max(int(whole), 1), 1)
    shares[: int(whole) * step : step] += 1
    shares[-1] += part
    return shares
