"""Histograms of 8-bit gray, and what OpenCV derives from them, in OpenCV's own arithmetic: equal to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

Counts = NDArray[np.int64]  # shape (256,): pixels at each level; with alpha, the alpha of these pixels added up
Shares = NDArray[np.int64 | np.float64]  # the same in pixels, of which a transparent one counts by its alpha

_EXACT = 1 << 24  # pixels: cv2.calcHist counts in float32, which is exact up to here

# Pixels that numpy counts at once, which takes 16 bytes for each. A larger value takes more memory; with a much smaller
# one, the calls take longer than the counting.
_AT_ONCE = 1 << 18
_EPSILON = float(np.finfo(np.float32).eps)


def count(gray: Image, alpha: Image | None = None) -> Counts:
    """How often each level occurs in a (height, width) array of uint8, or how much alpha (of the same shape and dtype)
    it has. Counts of strips sum to those of the whole.
    """
    if alpha is not None:
        return weighed(gray, alpha)
    height, width = gray.shape
    band = max(1, _EXACT // width)
    counts = np.zeros(256, np.int64)
    for top in range(0, height, band):
        counts += cv2.calcHist([gray[top : top + band]], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def weighed(gray: Image, alpha: Image) -> Counts:
    """How much alpha each level has in arrays of uint8 or uint16: 256 or 65,536 sums."""
    height, width = gray.shape
    levels = int(np.iinfo(gray.dtype).max) + 1
    band = max(1, _AT_ONCE // width)
    counts = np.zeros(levels, np.int64)
    for rows in (slice(top, top + band) for top in range(0, height, band)):
        counts += np.bincount(gray[rows].ravel(), alpha[rows].ravel(), levels).astype(np.int64)
    return counts


def of_channels(image: Image, alpha: Image | None = None) -> Counts:
    """The counts of each channel, of 8 or 16 bits: shape (channels, levels). Gray has one channel; alpha is none."""
    planes = (image,) if image.ndim == 2 else (cv2.extractChannel(image, n) for n in range(image.shape[2]))
    if alpha is not None:
        return np.array([weighed(plane, alpha) for plane in planes])
    return np.array([count(plane) if image.dtype == np.uint8 else _count_deep(plane) for plane in planes])


def _count_deep(gray: Image) -> Counts:
    """count() for uint16, with 65,536 levels."""
    band = max(1, _AT_ONCE // gray.shape[1])
    counts = np.zeros(65536, np.int64)
    for top in range(0, len(gray), band):
        counts += np.bincount(gray[top : top + band].ravel(), minlength=65536)
    return counts


def in_pixels(counts: Counts, alpha: Image | None) -> Shares:
    """Counts that were made with or without alpha. Those of an opaque image come out as if it had none."""
    return counts if alpha is None else counts / 255


def otsu(counts: Shares) -> int:
    """The level, 0 to 255, that separates two classes best (Otsu 1979): the one that cv2.threshold finds with
    THRESH_OTSU, by the same operations in the same order. 0 if nothing is visible.
    """
    if not counts.any():
        return 0
    scale = 1.0 / float(counts.sum())
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


def equalizing(counts: Shares) -> Image:
    """The table by which cv2.equalizeHist maps levels: 256 values of uint8. It changes nothing if nothing is
    visible.
    """
    if not counts.any():
        return np.arange(256, dtype=np.uint8)
    total, first = counts.sum(), int(np.flatnonzero(counts)[0])
    if counts[first] == total:
        return np.full(256, first, np.uint8)
    scale = np.float32(255) / np.float32(total - counts[first])
    sums = np.cumsum(counts) - counts[: first + 1].sum()
    levels: Image = np.rint(np.maximum(sums, 0).astype(np.float32) * scale).astype(np.uint8)
    return levels
