"""Windows icons (ICO): several sizes of one picture, each a PNG file or a BMP file without its first header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import bmp
from filterfleet.worker.formats.damage import DamagedHeader, damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.lazy import open_pixels, whole_array
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.vips import pyvips

# Sizes that are looked at. Real icons have about ten. A larger value lets a hostile file take more time; with a smaller
# one, the largest size of a file of many is missed.
_MOST_SIZES = 256

_PNG = b"\x89PNG\r\n\x1a\n"
_INFO = 40  # size of the header that describes the pixels of a BMP
_FILE_HEADER = 14  # bytes that a BMP file has before that one


@dataclass(frozen=True, slots=True)
class _Picture:
    """The bytes of one size, as a file of its own: PNG, or BMP. bits: of a pixel of a BMP, of a sample of a PNG."""

    file: bytes
    png: bool
    width: int
    height: int
    bits: int


def header(blob: Blob) -> Header:
    """Of the largest picture; of several of that size, the one of the most bits. Raises DamagedHeader, ImageError."""
    picture = _largest(blob)
    if not picture.png:
        bmp.header(picture.file)
    bits = 16 if picture.png and picture.bits == 16 else 8
    return Header("ico", picture.width, picture.height, bands=4, alpha=True, bits=bits)


def decode(blob: Blob) -> Image:
    """The largest picture, with its alpha, or with its mask as alpha. Raises ImageError and MemoryError."""
    picture = _largest(blob)
    if not picture.png:
        return _with_alpha(bmp.decode(picture.file), picture)
    try:
        lazy = open_pixels(picture.file, Header("png", picture.width, picture.height), Damaged.REFUSE, [])
        if (lazy.width, lazy.height) != (picture.width, picture.height):
            raise damaged("ico")
        return whole_array(lazy)
    except pyvips.Error:
        raise damaged("ico") from None


def _largest(blob: Blob) -> _Picture:
    """Raises DamagedHeader."""
    (count,) = _unpack("<H", blob, 4)
    best = (0, 0, 0, 0, 0)  # area, bits, then where: later ones first
    for number in range(min(count, _MOST_SIZES)):
        width, height, bits, size, start = _unpack("<BB4xHII", blob, 6 + 16 * number)
        best = max(best, ((width or 256) * (height or 256), bits, -number, start, size))
    _, _, _, start, size = best
    data = bytes(read(blob, start, size))
    if start == 0 or len(data) < size:
        raise DamagedHeader
    return _png(data) if data.startswith(_PNG) else _bmp(data)


def _png(data: bytes) -> _Picture:
    try:
        width, height, bits = struct.unpack_from(">IIB", data, 16)
    except struct.error:
        raise DamagedHeader from None
    return _Picture(data, True, width, height, bits)


def _bmp(data: bytes) -> _Picture:
    """The height in the header counts the rows of the mask, too."""
    try:
        size, width, both, _, bits, compression, _, _, _, colours = struct.unpack_from("<IiiHHIIiiI", data)
    except struct.error:
        raise DamagedHeader from None
    height = abs(both) // 2
    if size != _INFO or width < 1 or height < 1 or compression:
        raise ImageError("The ICO file has a picture that is neither PNG nor a plain BMP, which cannot be read.")
    palette = 4 * (min(colours or 1 << bits, 1 << bits) if bits <= 8 else 0)
    front = struct.pack("<2sIII", b"BM", _FILE_HEADER + len(data), 0, _FILE_HEADER + _INFO + palette)
    rows = struct.pack("<i", height if both > 0 else -height)
    return _Picture(front + data[:8] + rows + data[12:], False, width, height, bits)


def _with_alpha(colours: Image, picture: _Picture) -> Image:
    """BGRA. In 32 bits, the fourth byte of each pixel is its alpha, unless all are 0. Otherwise a bit of the mask that
    follows the pixels says that a pixel is transparent. A file may leave the mask out.
    """
    (start,) = struct.unpack_from("<I", picture.file, 10)
    data = np.frombuffer(picture.file, np.uint8)
    size = (picture.width * picture.bits + 31) // 32 * 4 * picture.height
    stored = data[start : start + size].reshape(picture.height, -1)
    row = (picture.width + 31) // 32 * 4
    mask = data[start + size : start + size + row * picture.height]
    if picture.bits == 32 and stored[:, 3::4].any():
        alpha = stored[:, 3::4]
    elif len(mask) == row * picture.height:
        clear = np.unpackbits(mask.reshape(picture.height, row), axis=1, count=picture.width)
        alpha = np.where(clear, np.uint8(0), np.uint8(255))
    else:
        alpha = np.full((picture.height, picture.width), 255, np.uint8)
    (height,) = struct.unpack_from("<i", picture.file, _FILE_HEADER + 8)
    turned = alpha[::-1] if height > 0 else alpha
    bgr = colours if colours.ndim == 3 else np.dstack([colours] * 3)
    return np.dstack([bgr[:, :, :3], turned])


def _unpack(layout: str, blob: Blob, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
