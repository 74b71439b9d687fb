"""Arrays to image files."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from common.errors import ImageError
from worker.filters.image import Image
from worker.opencv import cv2


def encode(image: Image, image_format: str, *, quality: int, bilevel: bool) -> bytes:
    """The image's file. bilevel, for an image of 0 and 255 only, stores one bit a pixel where it can."""
    if bilevel and image_format == "png":
        return encode_bilevel_png(image)
    options = {"jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality], "webp": [cv2.IMWRITE_WEBP_QUALITY, quality]}
    extension = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tiff", "bmp": ".bmp"}[image_format]
    try:
        encoded, buffer = cv2.imencode(extension, image, options.get(image_format, []))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        encoded = False
    if not encoded:
        height, width = image.shape[:2]
        raise ImageError(f"A {width} x {height} image cannot be stored as {image_format.upper()}.")
    return buffer.tobytes()


def encode_bilevel_png(image: Image) -> bytes:
    """PNG (ISO 15948), grayscale with bit depth 1, from (h, w) of 0 and 255.

    Deflate with the run-length strategy suits the long runs of an edge map: about three times faster than
    OpenCV's own bilevel encoder, and smaller.
    """
    height, width = image.shape
    rows = np.zeros((height, 1 + (width + 7) // 8), np.uint8)  # each row after a filter byte, 0 = none
    rows[:, 1:] = np.packbits(image, axis=1)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = deflate.compress(rows.tobytes()) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
