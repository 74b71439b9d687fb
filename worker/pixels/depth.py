"""Bits per sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# Pixels that are computed at once, with 32 bits a sample. More of them take more memory; with fewer, the calls take
# longer than the sums.
_AT_ONCE = 1 << 17


def to_8_bits(image: Image) -> Image:
    """16 bits per sample to the nearest of 8 (65535 becomes 255); 8 bits stay as they are."""
    if image.dtype == np.uint8 or not image.size:
        return image.astype(np.uint8, copy=False)
    # A level lies no nearer than 1/514 to the middle of two levels of 8 bits, so that float32 is exact enough.
    return cv2.convertScaleAbs(image, alpha=1 / 257).reshape(image.shape)


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
