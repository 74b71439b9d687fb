"""Image files to arrays and back."""

from __future__ import annotations

import struct
import zlib
from typing import cast

import numpy as np

from common.errors import ImageError
from common.protocol import Payload
from worker.filters.registry import Image
from worker.opencv import MAX_PIXELS, cv2

_MAGIC = (
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("webp", 8, b"WEBP"),
    ("tiff", 0, b"II*\0"),
    ("tiff", 0, b"MM\0*"),
    ("tiff", 0, b"II+\0"),
    ("tiff", 0, b"MM\0+"),
    ("bmp", 0, b"BM"),
    ("gif", 0, b"GIF8"),
    ("avif", 4, b"ftypavi"),
    ("jp2", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("jp2", 0, b"\xff\x4f\xff\x51"),
)


def sniff(data: Payload) -> str:
    """The format of an image file, by its first bytes, whatever its name says. Raises ImageError."""
    if len(data) == 0:
        raise ImageError("The file is empty.")
    head = bytes(data[:16])
    for name, offset, magic in _MAGIC:
        if head.startswith(magic, offset):
            return name
    raise ImageError("The file is not an image of a known format.")


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
    return cast("Image", image)


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
