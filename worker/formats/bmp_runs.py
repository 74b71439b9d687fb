"""The run lengths of BMP files: BI_RLE8 and BI_RLE4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.formats.damage import damaged

_END_OF_ROW, _END, _MOVE = 0, 1, 2  # what follows a zero; a larger number counts the pixels that are written out


def unpacked(data: NDArray[np.uint8], width: int, height: int, bits: int) -> NDArray[np.uint8]:
    """(height, width) entries of the palette, in the order in which rows are stored; bits is 8 or 4.

    What a run holds beyond the end of its row is dropped. Pixels that are left out are 0. Time grows with the length of
    data. Raises ImageError if data ends before the last row is complete.
    """
    image = np.zeros((height, width), np.uint8)
    codes = data.tobytes()
    at, x, y = 0, 0, 0
    while at + 1 < len(codes):
        count, value = codes[at], codes[at + 1]
        at += 2
        if count:
            _run(image[y, x : x + count], value, bits)
            x += count
        elif value == _END_OF_ROW:
            x, y = 0, y + 1
        elif value == _END:
            return image
        elif value == _MOVE:
            if at + 1 >= len(codes):
                break
            x, y = x + codes[at], y + codes[at + 1]
            at += 2
        else:
            size = (value * bits + 15) // 16 * 2  # filled up to 16 bits
            if at + size > len(codes):
                break
            _copy(image[y, x : x + value], data[at : at + size], bits)
            x += value
            at += size
        if y >= height:
            return image
    if y == height - 1 and x >= width:
        return image
    raise damaged("bmp")


def _run(pixels: NDArray[np.uint8], value: int, bits: int) -> None:
    """One value, or in 4 bits two values in turn."""
    if bits == 8:
        pixels[:] = value
    else:
        pixels[::2] = value >> 4
        pixels[1::2] = value & 15


def _copy(pixels: NDArray[np.uint8], stored: NDArray[np.uint8], bits: int) -> None:
    if bits == 8:
        pixels[:] = stored[: len(pixels)]
    else:
        pixels[::2] = stored[: (len(pixels) + 1) // 2] >> 4
        pixels[1::2] = stored[: len(pixels) // 2] & 15
