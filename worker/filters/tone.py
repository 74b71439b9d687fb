"""Filters that map the levels of each sample to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from filterfleet.worker.filters import histogram
from filterfleet.worker.filters.clahe import clahe_by_tables, clahe_of_colour
from filterfleet.worker.filters.curve import through
from filterfleet.worker.filters.merge import Measured, Rows, Whole
from filterfleet.worker.filters.parameters import Integer, Number, Points
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.filters.tables import mapped
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2


def _black_above_white(black: float, white: float, **_values: Any) -> str | None:
    return None if black < white else f"needs black below white, not {black:g} and {white:g}"


@register("invert", merge=Rows(), keeps_bilevel=True, work=0.0)
def invert(image: Image) -> Image:
    """The negative of the image."""
    return cv2.bitwise_not(image)


@register("gamma", merge=Rows(), work=0.5, gamma=Number(1.5, 0.05, 20.0, "above 1 is brighter"))
def gamma(image: Image, gamma: float) -> Image:
    """Raises levels to the power 1/gamma: brightens or darkens, and leaves black and white alone."""
    return mapped(image, lambda levels: levels ** (1 / gamma))


@register(
    "brightness_contrast",
    merge=Rows(),
    work=0.5,
    brightness=Number(0.0, -100.0, 100.0, "percent of the full range, added"),
    contrast=Number(1.2, 0.0, 20.0, "factor of the distance from mid-gray"),
)
def brightness_contrast(image: Image, brightness: float, contrast: float) -> Image:
    """Linear change of brightness and contrast."""
    return mapped(image, lambda levels: (levels - 0.5) * contrast + 0.5 + brightness / 100)


@register(
    "levels",
    merge=Rows(),
    work=0.5,
    refuses=_black_above_white,
    black=Number(0.0, 0.0, 100.0, "percent of the full range that becomes black"),
    white=Number(100.0, 0.0, 100.0, "percent of the full range that becomes white"),
    gamma=Number(1.0, 0.05, 20.0, "of the levels between; above 1 is brighter"),
)
def levels(image: Image, black: float, white: float, gamma: float) -> Image:
    """Moves black, white and, by gamma, what lies between."""
    return mapped(image, lambda levels: np.clip((levels * 100 - black) / (white - black), 0, 1) ** (1 / gamma))


@register(
    "curves",
    merge=Rows(),
    work=0.5,
    points=Points(((0.0, 0.0), (25.0, 18.0), (75.0, 82.0), (100.0, 100.0)), 16),
)
def curves(image: Image, points: tuple[tuple[float, float], ...]) -> Image:
    """Maps levels by a smooth curve through points, [before, after] in percent of the full range.

    Between two points, the curve never leaves the range of the two (monotone cubics, Fritsch and Butland 1984). Before
    the first point and after the last one it is even.
    """
    xs, ys = np.array(points, np.float64).T / 100
    return mapped(image, lambda levels: through(xs, ys, np.clip(levels, xs[0], xs[-1])))


@register("posterize", merge=Rows(), work=0.5, levels=Integer(4, 2, 64, "levels that are left in each channel"))
def posterize(image: Image, levels: int) -> Image:
    """Leaves a few levels in each channel, evenly spaced."""
    return mapped(image, lambda given: np.minimum(np.floor(given * levels), levels - 1) / (levels - 1))


def _luma(image: Image) -> Image:
    return image if image.ndim == 2 else cv2.extractChannel(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb), 0)


def _with_luma(image: Image, change: Callable[[Image], Image]) -> Image:
    """The image with its luma (Y of YCrCb) changed and its chroma kept."""
    if image.ndim == 2:
        return change(image)
    parts = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    changed = cv2.insertChannel(change(cv2.extractChannel(parts, 0)), parts, 0)
    return cv2.cvtColor(changed, cv2.COLOR_YCrCb2BGR)


def _measure(image: Image, alpha: Image | None) -> histogram.Counts:
    return histogram.count(_luma(image), alpha)


def _equalized(image: Image, total: histogram.Counts, alpha: Image | None) -> Image:
    table = histogram.equalizing(histogram.in_pixels(total, alpha))
    return _with_luma(image, lambda luma: cv2.LUT(luma, table))


@register("equalize", merge=Measured(_measure, _equalized), alpha=Alpha.WEIGHED, work=2.0, deep=False)
def equalize(image: Image, alpha: Image | None) -> Image:
    """Spreads the levels evenly over the whole range; in colour images, those of the luma."""
    return _equalized(image, _measure(image, alpha), alpha)


@register(
    "clahe",
    merge=Whole("its tiles are fractions of the whole image and blend into each other", keeps_size=True),
    alpha=Alpha.WEIGHED,
    work=4.0,
    clip=Number(2.0, 0.1, 100.0, "times the mean count of a level"),
    tiles=Integer(8, 1, 64, "per side"),
)
def clahe(image: Image, clip: float, tiles: int, alpha: Image | None) -> Image:
    """Contrast limited adaptive histogram equalization (Zuiderveld 1994); in colour images, of the luma.

    The image is divided into tiles x tiles parts, or fewer when it has fewer pixels. Histograms have 256 levels; at 16
    bits, and for the luma of colours, what they say is drawn out to the levels between.
    """
    grid = (min(tiles, image.shape[1]), min(tiles, image.shape[0]))
    weights = None if alpha is None or (alpha == np.iinfo(alpha.dtype).max).all() else alpha
    if image.ndim == 3:
        return clahe_of_colour(image, weights, clip, grid)
    if weights is None and image.dtype == np.uint8:
        return cv2.createCLAHE(clip, grid).apply(image)
    return clahe_by_tables(image, weights, clip, grid)
