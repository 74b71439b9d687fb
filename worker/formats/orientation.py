"""EXIF orientation: which way up a picture is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_TURNS: dict[int, Callable[[Image], Image]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(image: Image, orientation: int) -> Image:
    """The picture as it should be seen, given as it is stored with that orientation (EXIF 2.32, tag 0x0112, 1 to 8).
    Other values turn nothing.
    """
    return np.ascontiguousarray(_TURNS[orientation](image)) if orientation in _TURNS else image
