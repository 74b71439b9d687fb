"""Histograms of 8-bit gray, and what OpenCV derives from them, in OpenCV's own arithmetic: equal to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

Counts = NDArray[np.int64]  # shape (256,): pixels at each level

_EXACT = 1 << 24  # pixels: cv2.calcHist counts in float32, which is exact up to here
_EPSILON = float(np.finfo(np.float32).eps)


def count(gray: Image) -> Counts:
    """How often each level occurs in a (height, width) array of uint8. Counts of strips sum to those of the whole."""
    height, width = gray.shape
    band = max(1, _EXACT // width)
    counts = np.zeros(256, np.int64)
    for top in range(0, height, band):
        counts += cv2.calcHist([gray[top : top + band]], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def otsu(counts: Counts) -> int:
    """The level, 0 to 255, that separates two classes best (Otsu 1979): the one that cv2.threshold finds with
    THRESH_OTSU, by the same operations in the same order.
    """
    scale = 1.0 / int(counts.sum())
    mean = sum(level * float(n) for level, n in enumerate(counts)) * scale
    below, mean_below = 0.0, 0.0  # share of the pixels up to the level, and their mean
    best, found = 0.0, 0
    for level, n in enumerate(counts):
        share = float(n) * scale
        mean_below *= below
        below += share
        above = 1.0 - below
        if min(below, above) < _EPSILON or max(below, above) > 1.0 - _EPSILON:
            continue
        mean_below = (mean_below + level * share) / below
        mean_above = (mean - below * mean_below) / above
        variance = below * above * (mean_below - mean_above) * (mean_below - mean_above)
        if variance > best:
            best, found = variance, level
    return found


def equalizing(counts: Counts) -> Image:
    """The table by which cv2.equalizeHist maps levels: 256 values of uint8."""
    total, first = int(counts.sum()), int(np.flatnonzero(counts)[0])
    if counts[first] == total:
        return np.full(256, first, np.uint8)
    scale = np.float32(255) / np.float32(total - int(counts[first]))
    sums = np.cumsum(counts) - counts[: first + 1].sum()
    levels: Image = np.rint(np.maximum(sums, 0).astype(np.float32) * scale).astype(np.uint8)
    return levels
