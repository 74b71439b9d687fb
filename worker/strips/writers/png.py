"""PNG (ISO 15948) from bands. Each is deflated on its own up to a full flush, after which nothing refers back, so
the streams can be joined, and their checksums as well.

Why libvips does not write these files: see worker.strips.writers.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.bilevel import bilevel_rows
from filterfleet.worker.formats.chunks import PNG_SIGNATURE, png_chunk, png_chunks, png_header
from filterfleet.worker.formats.deflate import Level, compressor
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.pixels.channels import channels_of, to_rgb_order
from filterfleet.worker.pixels.image import Image

_ZLIB_HEADER, _LAST_BLOCK = b"\x78\x01", b"\x03\x00"
_SUB = 1  # the filter of a row whose samples are differences from the pixel to the left
_ADLER = 65521


class Part(NamedTuple):
    """length and adler (zlib.adler32) are those of the bytes before deflate; header and data are the chunks IHDR and
    IDAT.
    """

    length: int
    adler: int
    channels: int
    header: bytes
    data: bytes


class PngWriter:
    """bilevel, for rows of 0 and 255 only, stores one bit a pixel if the rows are gray."""

    def __init__(
        self, width: int, height: int, level: Level, carried: Carried = NOTHING, *, bilevel: bool = False
    ) -> None:
        """Raises OSError."""
        self._width, self._height, self._level, self._carried, self._bilevel = width, height, level, carried, bilevel
        self._adler = 1
        self._file = FileBlob()

    def encode(self, rows: Image) -> Part:
        channels = channels_of(rows)
        bilevel = self._bilevel and channels == 1
        raw = bilevel_rows(rows) if bilevel else _filtered(rows)
        deflate = compressor(self._level, -15)
        data = deflate.compress(raw.data) + deflate.flush(zlib.Z_FULL_FLUSH)
        header = png_header(self._width, self._height, 1 if bilevel else rows.dtype.itemsize * 8, channels)
        return Part(raw.nbytes, zlib.adler32(raw.data), channels, header, png_chunk(b"IDAT", data))

    def append(self, part: Part) -> None:
        """Raises OSError."""
        if len(self._file) == 0:
            carried = fitting_to(self._carried, gray=part.channels < 3)
            self._file.append(PNG_SIGNATURE + part.header + png_chunks(carried) + png_chunk(b"IDAT", _ZLIB_HEADER))
        self._file.append(part.data)
        self._adler = joined_adler(self._adler, part.adler, part.length)

    def finish(self) -> FileBlob:
        """Raises OSError."""
        self._file.append(png_chunk(b"IDAT", _LAST_BLOCK + struct.pack(">I", self._adler)) + png_chunk(b"IEND", b""))
        return self._file

    def close(self) -> None:
        self._file.close()


def joined_adler(first: int, second: int, length: int) -> int:
    """The adler32 of two texts in a row, given theirs and the length of the second: zlib's adler32_combine."""
    low, high = first & 0xFFFF, first >> 16
    joined_low = (low + (second & 0xFFFF) - 1) % _ADLER
    joined_high = (high + (second >> 16) + length * (low - 1)) % _ADLER
    return joined_high << 16 | joined_low


def _filtered(rows: Image) -> Image:
    """The rows as bytes: a filter byte, and then each byte less the one of the same sample in the pixel to its left."""
    channels = channels_of(rows)
    rows = to_rgb_order(rows)
    if rows.dtype == np.uint16:
        rows = rows.astype(">u2")
    pixel = channels * rows.dtype.itemsize
    flat = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    filtered = np.empty((len(rows), 1 + flat.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + pixel] = flat[:, :pixel]
    np.subtract(flat[:, pixel:], flat[:, :-pixel], out=filtered[:, 1 + pixel :])
    return filtered
