"""Filters that mix pixels weigh them by alpha, so that colours under transparency stay where they are.

Images without transparency get the very pixels that they get without weights, and so does every pixel with nothing but
opaque pixels around it. The others are computed in float, in a way that does not depend on where a strip begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.channels import is_opaque
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# Rows computed at once, which take up to 120 bytes a pixel. A larger value takes more memory; with a smaller one, the
# rows around each piece are computed more often.
_ROWS = 256

_LARGEST = 1 << 32  # 16 bits of colour times 16 of alpha; fewer bits are spread over this range

Samples = NDArray[Any]  # float32 or float64: colours (h, w) or (h, w, 3), alpha (h, w), both in levels of the image
Mix = Callable[[Samples, Samples], Samples]  # colours and alpha to levels of the result


def weighed(
    image: Image, alpha: Image | None, reach: tuple[int, int], plain: Callable[[Image], Image], mix: Mix
) -> Image:
    """plain(image), and mix where a pixel that is not opaque lies within reach, (rows, columns). image is without its
    alpha, (h, w) or None. mix gets float32, and must not look further than reach.
    """
    result = plain(image)
    if alpha is None:
        return result
    rows, columns = reach
    window = np.ones((2 * rows + 1, 2 * columns + 1), np.uint8)
    for piece, around, inner in pieces(len(image), rows):
        see_through = alpha[around] < np.iinfo(alpha.dtype).max
        if see_through.any():
            near = cv2.dilate(see_through.view(np.uint8), window)[inner] != 0
            mixed = mix(image[around].astype(np.float32), alpha[around].astype(np.float32))[inner]
            result[piece][near] = nearest_levels(mixed[near].astype(np.float32), image.dtype)
    return result


def mean(smooth: Callable[[Samples], Samples]) -> Mix:
    """The mean of the pixels, by the weights of smooth times alpha; 0 where all of them are transparent."""

    def mix(colours: Samples, alpha: Samples) -> Samples:
        return _divided(smooth(_times(colours, alpha)), smooth(alpha))

    return mix


def sum_by(weigh: Callable[[Samples], Samples], total: float, top: int) -> Mix:
    """The sum that weigh makes, whose weights add up to total; top is the level of opaque alpha. As far as a neighbour
    is transparent, the pixel itself stands in for it, so that a shape of one colour has no edge where it ends.
    """

    def mix(colours: Samples, alpha: Samples) -> Samples:
        return (weigh(_times(colours, alpha)) - _times(colours, weigh(alpha))) / top + colours * total

    return mix


def resized(image: Image, resize: Callable[[Any], Any]) -> Image:
    """resize(image), in which colours are weighed by alpha. resize takes arrays (h, w) or (h, w, c) of the image's
    dtype, and of float32 with whole numbers from 0 to 2^32.
    """
    result: Image = resize(image)
    if is_opaque(image):
        return result
    opaque = np.iinfo(image.dtype).max
    unit = np.float32(_LARGEST // (opaque + 1) ** 2)
    mixed = resize(np.where(image[:, :, -1] < opaque, np.float32(_LARGEST), np.float32(0))) != 0
    alpha = image[:, :, -1].astype(np.float32) * unit
    weights = resize(alpha * np.float32(opaque))
    result[:, :, -1][mixed] = nearest_levels(weights[mixed] / (unit * opaque), image.dtype)
    mixed &= weights > 0
    for channel in range(image.shape[2] - 1):  # one by one, to hold no more than one in float32
        total = resize(np.multiply(image[:, :, channel], alpha, dtype=np.float32))
        result[:, :, channel][mixed] = nearest_levels(total[mixed] / weights[mixed] * opaque, image.dtype)
    return result


def filled(image: Image, alpha: Image | None, reach: int) -> Image:
    """The image with each wholly transparent pixel as the mean of the others within reach, in rows and columns: for
    filters that choose among pixels rather than weigh them.
    """
    if alpha is None or alpha.all():
        return image
    result = image.copy()
    for piece, around, inner in pieces(len(image), reach):
        hidden = alpha[piece] == 0
        if hidden.any():
            means = mean(lambda samples: sums(samples, 2 * reach + 1))
            found = means(image[around].astype(np.float64), alpha[around].astype(np.float64))[inner]
            result[piece][hidden] = np.rint(found[hidden]).astype(image.dtype)
    return result


def without(image: Image, alpha: Image | None, level: int) -> Image:
    """The image with this level in wholly transparent pixels."""
    if alpha is None or alpha.all():
        return image
    result = image.copy()
    result[alpha == 0] = level
    return result


def sums(samples: Samples, size: int) -> Samples:
    """Of size x size samples. Those of whole numbers are exact, wherever a strip begins, since they are float64."""
    return cv2.boxFilter(samples.astype(np.float64, copy=False), cv2.CV_64F, (size, size), normalize=False)


def _times(colours: Samples, alpha: Samples) -> Samples:
    return colours * (alpha if colours.ndim == 2 else alpha[:, :, None])


def _divided(colours: Samples, weights: Samples) -> Samples:
    shares = weights if colours.ndim == 2 else weights[:, :, None]
    return np.divide(colours, shares, out=np.zeros_like(colours), where=shares > 0)


def pieces(height: int, reach: int, rows: int = _ROWS) -> Iterator[tuple[slice, slice, slice]]:
    """Pieces of an image's rows; each with the rows around it, and its place in those. rows are those of a piece."""
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - reach), min(height, bottom + reach)
        yield slice(top, bottom), slice(first, last), slice(top - first, bottom - first)
