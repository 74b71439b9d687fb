"""Whole images by OpenCV."""

from __future__ import annotations

import numpy as np

from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import damaged
from filterfleet.worker.pixels import opencv
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2


def by_opencv(data: Payload, flags: int, image_format: str) -> Image:
    """The first image of a file. flags are those of cv2.imdecode. Raises ImageError for damage, and MemoryError."""
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if opencv.out_of_memory(error):
            raise MemoryError from None
        image = None
    if image is None:
        raise damaged(image_format)
    return image
