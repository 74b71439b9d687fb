"""Image files to arrays."""

from __future__ import annotations

import numpy as np

from common.errors import ImageError
from common.protocol import Payload
from worker.filters.image import Image
from worker.opencv import MAX_PIXELS, cv2


def decode(data: Payload, image_format: str) -> Image:
    """(height, width, 3) in BGR order, 8 bits, turned upright by its EXIF orientation. Raises ImageError."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        if "PIXELS" in str(error).upper():
            raise ImageError(f"The image has more than {MAX_PIXELS // 1_000_000} megapixels.") from None
        raise ImageError(f"The {image_format.upper()} file cannot be decoded.") from None
    if image is None:
        raise ImageError(f"The {image_format.upper()} file is damaged or cut short.")
    return image
