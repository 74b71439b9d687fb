"""Bits per sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image

# Pixels that are computed at once, with 32 bits a sample. More of them take more memory; with fewer, the calls take
# longer than the sums.
_AT_ONCE = 1 << 17


def to_8_bits(image: Image) -> Image:
    """16 bits per sample to the nearest of 8 (65535 becomes 255); 8 bits stay as they are."""
    if image.dtype == np.uint8:
        return image
    reduced = np.empty(image.shape, np.uint8)
    for piece in row_pieces(image):
        reduced[piece] = (image[piece].astype(np.uint32) * 255 + 32767) // 65535
    return reduced


def row_pieces(image: Image) -> Iterator[slice]:
    """The rows of an image in pieces of few pixels, for arithmetic that takes much memory for each."""
    rows = max(1, _AT_ONCE // image.shape[1])
    return (slice(top, top + rows) for top in range(0, len(image), rows))


def spread_to_16_bits(samples: Any, bits: int) -> Any:
    """Samples of 9 to 15 bits that stand in the upper bits of 16, spread over the whole range: white, which is all
    ones, becomes 65535. samples is an array of uint16 or a pyvips.Image of ushort.
    """
    return samples | (samples >> bits)


def nearest_levels(values: NDArray[np.float32], dtype: np.dtype[Any]) -> Image:
    """The values rounded to whole levels and clipped to the range of dtype (uint8 or uint16). Overwrites values."""
    np.rint(values, out=values)
    np.clip(values, 0, np.iinfo(dtype).max, out=values)
    return values.astype(dtype)
