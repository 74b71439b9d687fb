"""The run lengths of BMP files: BI_RLE8 and BI_RLE4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import damaged

_END_OF_ROW, _END, _MOVE = 0, 1, 2  # what follows a zero; a larger number counts the pixels that are written out

# Bytes of run lengths that are looked at, for each pixel and for each row. Two for a pixel and two for a row are enough
# for any picture. With larger values, a file of codes that do nothing takes more time; with smaller ones, wasteful
# files are refused.
_BYTES_PER_PIXEL, _BYTES_PER_ROW = 4, 64


def unpacked(data: Payload, width: int, height: int, bits: int) -> NDArray[np.uint8]:
    """(height, width) entries of the palette, in the order in which rows are stored; bits is 8 or 4.

    What a run holds beyond the end of its row is dropped. Pixels that are left out are 0. Raises ImageError if data
    ends before the last row is complete.
    """
    runs = _longest_runs(bits)
    codes = bytes(data[: (_BYTES_PER_PIXEL * width + _BYTES_PER_ROW) * height])
    image = bytearray(width * height)
    at, x, y = 0, 0, 0
    while at + 1 < len(codes) and y < height:
        count, value = codes[at], codes[at + 1]
        at += 2
        if count:
            pixels = runs[value][:count]
        elif value == _END:
            return _rows(image, width)
        elif value <= _MOVE:
            at, x, y = _jump(codes, at, x, y, value)
            continue
        else:
            size = (value * bits + 15) // 16 * 2  # filled up to 16 bits
            pixels = _written_out(codes[at : at + size], bits)[:value]
            at += size
        if x < width:
            fitting = pixels[: width - x]
            start = y * width + x
            image[start : start + len(fitting)] = fitting
        x += len(pixels)
    if y >= height or (y == height - 1 and x >= width):
        return _rows(image, width)
    raise damaged("bmp")


def _jump(codes: bytes, at: int, x: int, y: int, code: int) -> tuple[int, int, int]:
    """Where the next code stands, and the place of the next pixel. Raises ImageError if the codes end."""
    if code == _END_OF_ROW:
        return at, 0, y + 1
    if at + 1 >= len(codes):
        raise damaged("bmp")
    return at + 2, x + codes[at], y + codes[at + 1]


def _rows(image: bytearray, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(image, np.uint8).reshape(-1, width)


def _longest_runs(bits: int) -> list[bytes]:
    """The longest run of each value; in 4 bits, of two values in turn."""
    if bits == 8:
        return [bytes((value,)) * 255 for value in range(256)]
    return [bytes((value >> 4, value & 15)) * 128 for value in range(256)]


def _written_out(stored: bytes, bits: int) -> bytes:
    return stored if bits == 8 else bytes(half for value in stored for half in (value >> 4, value & 15))
