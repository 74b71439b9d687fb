"""The small pictures that recipes carry, such as the logo of a watermark."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips

# The largest file of such a picture, in bytes. Recipes that travel are smaller still (RECIPE_LIMIT): this bounds the
# work on recipes that are built in Python. A larger value admits larger files, a smaller one refuses more of them.
MAX_BYTES = 256 * 1024

# The largest picture, in pixels. It is blended in float32, so a larger value takes more memory on each thread; a
# smaller one refuses logos that look sharp on huge images.
MAX_PIXELS = 1_000_000

_JPEG = b"\xff\xd8\xff"
_READ_HEADER = {
    b"\x89PNG\r\n\x1a\n": pyvips.Image.pngload_buffer,
    _JPEG: pyvips.Image.jpegload_buffer,
    b"RIFF": pyvips.Image.webpload_buffer,
}


@functools.lru_cache(maxsize=4)
def decode(data: bytes) -> Image:
    """The picture as (height, width, 4) of uint8, BGR and alpha, read-only. Raises ImageError."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"The picture's file has {len(data)} bytes.")
    width, height = _size(data)
    if width * height > MAX_PIXELS:
        raise ImageError(f"The picture has {width} x {height} pixels.")
    # A JPEG has no alpha, and OpenCV turns it upright only when it reads it as colour.
    flags = cv2.IMREAD_COLOR if data.startswith(_JPEG) else cv2.IMREAD_UNCHANGED
    decoded: Any
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.dtype not in (np.uint8, np.uint16):
        raise ImageError("The picture is damaged or cut short.")
    image: Image = decoded if decoded.dtype == np.uint8 else (decoded >> 8).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
    elif image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    image.setflags(write=False)
    return image


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the file's header, so that no pixel is decoded before the limit is checked."""
    for magic, read in _READ_HEADER.items():
        if data.startswith(magic):
            try:
                header = read(data)
            except pyvips.Error:
                break
            return header.width, header.height
    raise ImageError("The picture is not a PNG, JPEG or WebP file.")
