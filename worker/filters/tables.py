"""Levels mapped to others by tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

Curve = Callable[[NDArray[np.float64]], Any]  # levels from 0 to 1 to others; those outside of that range are clipped


def mapped(image: Image, curve: Curve) -> Image:
    """The image with each level mapped by one curve."""
    return cv2.LUT(image, _table(image, curve))


def mapped_by_channel(image: Image, curves: Sequence[Curve]) -> Image:
    """The image with the levels of each channel mapped by its own curve. Gray has one channel."""
    if image.ndim == 2:
        return mapped(image, curves[0])
    result = np.empty_like(image, order="C")
    for channel, curve in enumerate(curves):
        cv2.insertChannel(cv2.LUT(cv2.extractChannel(image, channel), _table(image, curve)), result, channel)
    return result


def _table(image: Image, curve: Curve) -> Image:
    top = np.iinfo(image.dtype).max
    levels = curve(np.arange(top + 1) / top)
    table: Image = np.rint(np.clip(levels, 0, 1) * top).astype(image.dtype)
    return table
