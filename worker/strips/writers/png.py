"""PNG (ISO 15948) from bands: each is deflated on its own, up to a full flush, and the streams are joined."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.filters import Image
from filterfleet.worker.formats.chunks import PNG_SIGNATURE, png_chunk, png_chunks
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.writers.deflate import Level, compressor

_ZLIB_HEADER, _LAST_BLOCK = b"\x78\x01", b"\x03\x00"
_NONE, _SUB = 0, 1  # filters of a row
_ADLER = 65521
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
_ORDER = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}

Part = tuple[int, int, int, bytes, bytes]  # length and adler32 of what was deflated, channels, IHDR, IDAT


class PngWriter:
    """bilevel, for rows (h, w) of 0 and 255 only, stores one bit a pixel."""

    def __init__(
        self, width: int, height: int, level: Level, carried: Carried = NOTHING, *, bilevel: bool = False
    ) -> None:
        self._width, self._height, self._level, self._carried, self._bilevel = width, height, level, carried, bilevel
        self._adler = 1
        self._file = FileBlob()

    def encode(self, rows: Image) -> Part:
        bits = 1 if self._bilevel and rows.ndim == 2 else rows.dtype.itemsize * 8
        channels = 1 if rows.ndim == 2 else rows.shape[2]
        raw = _packed(rows) if bits == 1 else _filtered(rows)
        deflate = compressor(self._level, -15)
        data = deflate.compress(raw.data) + deflate.flush(zlib.Z_FULL_FLUSH)
        header = struct.pack(">IIBBBBB", self._width, self._height, bits, _COLOUR_TYPE[channels], 0, 0, 0)
        return raw.nbytes, zlib.adler32(raw.data), channels, png_chunk(b"IHDR", header), png_chunk(b"IDAT", data)

    def append(self, part: Part) -> None:
        """Raises OSError."""
        length, adler, channels, header, data = part
        if len(self._file) == 0:
            carried = fitting_to(self._carried, gray=channels < 3)
            self._file.append(PNG_SIGNATURE + header + png_chunks(carried) + png_chunk(b"IDAT", _ZLIB_HEADER))
        self._file.append(data)
        self._adler = joined_adler(self._adler, adler, length)

    def finish(self) -> FileBlob:
        self._file.append(png_chunk(b"IDAT", _LAST_BLOCK + struct.pack(">I", self._adler)) + png_chunk(b"IEND", b""))
        return self._file


def joined_adler(first: int, second: int, length: int) -> int:
    """adler32 of two texts in a row, from theirs and the length of the second: as zlib's adler32_combine."""
    low, high = first & 0xFFFF, first >> 16
    joined_low = (low + (second & 0xFFFF) - 1) % _ADLER
    joined_high = (high + (second >> 16) + length * (low - 1)) % _ADLER
    return joined_high << 16 | joined_low


def _packed(rows: Image) -> Image:
    height, width = rows.shape
    packed = np.empty((height, 1 + (width + 7) // 8), np.uint8)
    packed[:, 0] = _NONE
    packed[:, 1:] = np.packbits(rows, axis=1)
    return packed


def _filtered(rows: Image) -> Image:
    """Each sample's bytes less those of the pixel to its left."""
    channels = 1 if rows.ndim == 2 else rows.shape[2]
    if channels in _ORDER:
        rows = cv2.cvtColor(rows, _ORDER[channels])
    if rows.dtype == np.uint16:
        rows = rows.astype(">u2")
    pixel = channels * rows.dtype.itemsize
    flat = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    filtered = np.empty((len(rows), 1 + flat.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + pixel] = flat[:, :pixel]
    np.subtract(flat[:, pixel:], flat[:, :-pixel], out=filtered[:, 1 + pixel :])
    return filtered
