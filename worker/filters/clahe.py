"""CLAHE of colour, of 16 bits a sample, and of images that are not opaque, in which each pixel counts by its alpha.

cv2.createCLAHE knows no weights, and at 16 bits it takes a histogram of 65,536 levels, which clips nothing in images
below some megapixels. The luma of colours falls between the levels of 8 bits; where it is rounded first, a steep curve
makes many levels of half a one. So it has 16 bits here, whatever the colours have.

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

# Rows of colour that are converted at once. More of them leave the processor's cache; with fewer, the calls take longer
# than the work.
_ROWS = 32
_STEP = 257  # a level of 8 bits stands for this many of 16
_STEPS = np.arange(_STEP, dtype=np.float32)

# Pixels of a tile of 16 bits from which its table is drawn out to all 65,536 levels, which takes as long as it saves
# then. A larger or a smaller value takes longer for tiles of the sizes between.
_DRAWN_OUT = 1 << 16

# The new level of each level that the image can have. If there are rises: of every 257th level, and how much a level
# more adds to it. None for a tile that shows nothing.
_Table = tuple[NDArray[np.float32], NDArray[np.float32] | None] | None


def clahe_of_colour(image: Image, alpha: Image | None, clip: float, grid: tuple[int, int]) -> Image:
    """image is (h, w, 3) of uint8 or uint16. Each channel changes by as much as the luma, so that the chroma stays. The
    rest is as in clahe_by_tables.
    """
    result, luma = np.empty_like(image, order="C"), np.empty(image.shape[:2], np.uint16)
    pieces = [slice(top, top + _ROWS) for top in range(0, len(image), _ROWS)]
    for rows in pieces:
        deep = np.multiply(image[rows], _STEP, dtype=np.uint16) if image.dtype == np.uint8 else image[rows]
        cv2.cvtColor(deep, cv2.COLOR_BGR2GRAY, dst=luma[rows])
    mapped = clahe_by_tables(luma, alpha, clip, grid)
    for rows in pieces:
        brighter, darker = cv2.subtract(mapped[rows], luma[rows]), cv2.subtract(luma[rows], mapped[rows])  # or 0
        if image.dtype == np.uint8:
            brighter, darker = to_8_bits(brighter), to_8_bits(darker)
        brighter, darker = (cv2.cvtColor(each, cv2.COLOR_GRAY2BGR) for each in (brighter, darker))
        cv2.subtract(cv2.add(image[rows], brighter), darker, dst=result[rows])
    return result


def clahe_by_tables(gray: Image, alpha: Image | None, clip: float, grid: tuple[int, int]) -> Image:
    """gray and alpha are (h, w) of uint8 or uint16; without alpha, all is opaque. clip is in multiples of the mean
    count of a level. grid is the number of tiles across and down, at most the sides in pixels. What is wholly
    transparent stays as it is.
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
    tables: list[Any] = [table(row, column) for row in (top, bottom) for column in (left, right)]
    if all(levels is not None for levels in tables):
        one, two, three, four = _mapped(block, tables)
        return _between(_between(one, two, across), _between(three, four, across), down[:, None])
    total, weights = np.zeros(block.shape, np.float32), np.zeros(block.shape, np.float32)
    for levels, (shares, others) in zip(tables, itertools.product((1 - down, down), (1 - across, across)), strict=True):
        if levels is not None:
            share = shares[:, None] * others
            (mapped,) = _mapped(block, [levels])
            total += mapped * share
            weights += share
    return np.divide(total, weights, out=total, where=weights > 0)


def _mapped(block: Image, tables: Sequence[Any]) -> list[NDArray[np.float32]]:
    """The block by each of the tables."""
    below: Any = None
    results: list[Any] = []
    for levels, rises in tables:
        if rises is None:
            results.append(cv2.LUT(block, levels))
            continue
        if below is None:
            below = (block // _STEP).astype(np.uint8)
            steps = (block % _STEP).astype(np.float32)
        mapped: Any = cv2.LUT(below, rises)
        mapped *= steps
        mapped += cv2.LUT(below, levels)
        results.append(mapped)
    return results


def _between(one: Any, other: Any, share: NDArray[np.float32]) -> NDArray[np.float32]:
    """One, on the way to the other by the share. Both are float32, and overwritten."""
    other -= one
    other *= share
    result: NDArray[np.float32] = np.add(one, other, out=one)
    return result


def _table(gray: Image, alpha: Image | None, clip: float) -> _Table:
    """The mapping of a tile: its histogram, in which what exceeds the limit is spread over all levels, added up. The
    histogram has 256 levels, since most of 65,536 would be empty in a tile: at 16 bits the mapping is drawn out.
    """
    shown = to_8_bits(gray)
    if alpha is None:
        counts = count(shown).astype(np.float64)
    elif alpha.any():
        counts = count(shown, alpha) / np.iinfo(alpha.dtype).max
    else:
        return None
    pixels = float(counts.sum())
    limit = max(int(clip * pixels / _LEVELS), 1)
    excess = float(np.maximum(counts - limit, 0).sum())
    mapping = np.cumsum(np.minimum(counts, limit) + _spread(excess, _LEVELS)) * ((_LEVELS - 1) / pixels)
    mapping = np.minimum(mapping, _LEVELS - 1)
    if gray.dtype == np.uint8:
        return np.rint(mapping).astype(np.float32), None
    mapping = mapping.astype(np.float32)
    levels: Any = mapping * np.float32(_STEP)
    rises = np.zeros(_LEVELS, np.float32)
    np.subtract(mapping[1:], mapping[:-1], out=rises[:-1])
    if gray.size < _DRAWN_OUT:
        return levels, rises
    drawn_out: NDArray[np.float32] = np.multiply.outer(rises, _STEPS)
    drawn_out += levels[:, None]
    return drawn_out.ravel()[:65536], None


def _spread(pixels: float, levels: int) -> NDArray[np.float64]:
    """The pixels, evenly over the levels: whole ones for all, and the rest one by one at even distances."""
    shares = np.full(levels, pixels // levels)
    whole, part = divmod(pixels % levels, 1)
    step = max(levels // max(int(whole), 1), 1)
    shares[: int(whole) * step : step] += 1
    shares[-1] += part
    return shares
