"""The small pictures that recipes carry along, such as the logo of a watermark."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips

MAX_BYTES = 256 * 1024
MAX_PIXELS = 1_000_000
_JPEG = b"\xff\xd8\xff"
_READ_HEADER = {
    b"\x89PNG\r\n\x1a\n": pyvips.Image.pngload_buffer,
    _JPEG: pyvips.Image.jpegload_buffer,
    b"RIFF": pyvips.Image.webpload_buffer,
}


@functools.lru_cache(maxsize=4)
def decode(data: bytes) -> Image:
    """(h, w, 4), BGR and alpha, 8 bits, read-only. Raises ImageError."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"The picture's file has {len(data)} bytes.")
    width, height = _size(data)
    if width * height > MAX_PIXELS:
        raise ImageError(f"The picture has {width} x {height} pixels.")
    # A JPEG has no alpha, and is turned upright when it is read as colour.
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
    """Width and height by the file's header: no pixel is decoded before the limit was checked."""
    for magic, read in _READ_HEADER.items():
        if data.startswith(magic):
            try:
                header = read(data)
            except pyvips.Error:
                break
            return header.width, header.height
    raise ImageError("The picture is not a PNG, JPEG or WebP file.")
