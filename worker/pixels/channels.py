"""The channels of an Image: how many there are, their order, alpha and luma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.depth import row_pieces
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

LUMA = np.array([0.114, 0.587, 0.299])  # weights of ITU-R BT.601, in BGR order

_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_FROM_RGB = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def channels_of(image: Image) -> int:
    """1 to 4, alpha included."""
    return 1 if image.ndim == 2 else image.shape[2]


def has_alpha(image: Image) -> bool:
    return channels_of(image) in (2, 4)


def is_opaque(image: Image) -> bool:
    """Whether there is no alpha, or nothing but full alpha."""
    return not has_alpha(image) or bool((image[:, :, -1] == np.iinfo(image.dtype).max).all())


def to_rgb_order(image: Image) -> Image:
    """BGR becomes RGB, as libvips and files have it; gray stays as it is."""
    code = _TO_RGB.get(channels_of(image))
    return image if code is None else cv2.cvtColor(image, code)


def from_rgb_order(samples: Image) -> Image:
    """An Image from samples of shape (height, width, channels) in the order of libvips: gray, gray and alpha, RGB or
    RGBA.
    """
    channels = samples.shape[2]
    if channels == 1:
        return samples[:, :, 0]
    code = _FROM_RGB.get(channels)
    return samples if code is None else cv2.cvtColor(samples, code)


def reordered(samples: Image) -> Image:
    """The same as from_rgb_order, in the memory of the samples, which must be writable."""
    code = _FROM_RGB.get(samples.shape[2])
    if code is None:
        return from_rgb_order(samples)
    for piece in row_pieces(samples):
        samples[piece] = cv2.cvtColor(samples[piece], code)
    return samples


def as_colour(image: Image) -> Image:
    """Gray becomes BGR, with its alpha if it has one; colour stays as it is."""
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 2:
        gray, alpha = cv2.split(image)
        return cv2.merge([gray, gray, gray, alpha])
    return image


def over_white(image: Image) -> Image:
    """The image without alpha, laid over white paper. Each sample is rounded to the nearest level."""
    return over(image, np.full(channels_of(image) - 1, np.iinfo(image.dtype).max)) if has_alpha(image) else image


def over(image: Image, levels: NDArray[np.int64]) -> Image:
    """An image with alpha laid over paper that has these levels, one for each channel."""
    top = np.iinfo(image.dtype).max
    paper = levels.astype(np.uint32)
    laid = np.empty_like(image[:, :, :-1], order="C")
    for piece in row_pieces(image):
        rows = image[piece].astype(np.uint32)
        colours, alpha = rows[:, :, :-1], rows[:, :, -1:]
        laid[piece] = (colours * alpha + paper * (top - alpha) + top // 2) // top
    return laid[:, :, 0] if laid.shape[2] == 1 else laid
