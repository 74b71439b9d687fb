"""The small pictures that recipes carry, such as the logo of a watermark."""

from __future__ import annotations

import functools
import re
import struct
from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.orientation import orientation_of, upright

# The largest file of such a picture, in bytes. Recipes that travel are smaller still (RECIPE_LIMIT): this bounds the
# work on recipes that are built in Python. A larger value admits larger files, a smaller one refuses more of them.
MAX_BYTES = 256 * 1024

# The largest picture, in pixels. It is blended in float32, so a larger value takes more memory on each thread; a
# smaller one refuses logos that look sharp on huge images.
MAX_PIXELS = 1_000_000

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_SEGMENT = re.compile(rb"\xff+([\xc0-\xfe])")  # the marker of a JPEG segment
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of those that tell the size


@functools.lru_cache(maxsize=4)
def decode(data: bytes) -> Image:
    """The picture, upright, as (height, width, 4) of uint8, BGR and alpha, read-only. Raises ImageError."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"The picture's file has {len(data)} bytes.")
    width, height = _size(data)
    if width * height > MAX_PIXELS:
        raise ImageError(f"The picture has {width} x {height} pixels.")
    # OpenCV turns a picture upright only when it leaves out its alpha.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if data.startswith(_JPEG) else cv2.IMREAD_UNCHANGED
    decoded: Any
    try:
        decoded, kinds, told = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.dtype not in (np.uint8, np.uint16):
        raise ImageError("The picture is damaged or cut short.")
    image: Image = decoded if decoded.dtype == np.uint8 else (decoded >> 8).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
        if (clear := _clear_level(data)) is not None:
            image[:, :, 3][decoded == clear] = 0
    elif image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    exif = next((bytes(each) for kind, each in zip(kinds, told, strict=True) if kind == cv2.IMAGE_METADATA_EXIF), None)
    image = upright(image, orientation_of(exif))
    image.setflags(write=False)
    return image


def _clear_level(data: bytes) -> int | None:
    """The level of a gray PNG that is transparent, as OpenCV decodes it, which leaves it opaque; None if there is none.
    Programs that make files smaller write alpha like this (PNG, third edition, 11.3.1.1).
    """
    if not data.startswith(_PNG) or data[25] != 0:  # the kind of colour
        return None
    at = len(_PNG)
    while at + 10 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"tRNS" and length == 2:
            (level,) = struct.unpack_from(">H", data, at + 8)
            bits = data[24]
            return int(level) if bits >= 8 else int(level) * 255 // ((1 << bits) - 1)
        if kind == b"IDAT":
            break
        at += length + 12
    return None


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the file's header, so that no pixel is decoded before the limit is checked. Libraries would
    parse all metadata for that, some of it in quadratic time.
    """
    try:
        if data.startswith(_PNG):
            width, height = struct.unpack_from(">II", data, 16)
        elif data.startswith(_JPEG):
            width, height = _size_of_jpeg(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            width, height = _size_of_webp(data)
        else:
            raise ImageError("The picture is not a PNG, JPEG or WebP file.")
    except struct.error:
        raise ImageError("The picture is damaged or cut short.") from None
    return width, height


def _size_of_jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while found := _SEGMENT.match(data, at):
        if found[1][0] in _FRAMES:
            height, width = struct.unpack_from(">HH", data, found.end() + 3)
            return width, height
        (length,) = struct.unpack_from(">H", data, found.end())
        at = found.end() + length
    raise ImageError("The picture is damaged or cut short.")


def _size_of_webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return low_width + (high_width << 16) + 1, low_height + (high_height << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
