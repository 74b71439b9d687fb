"""TIFF 6.0, or BigTIFF where offsets need it, from bands: strips deflated with the horizontal predictor. Each strip is
complete in itself, so bands join by listing their strips.

Why libvips does not write these files: see worker.strips.writers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.formats.deflate import Level, compressor
from filterfleet.worker.formats.ifd import (
    BYTE,
    LONG,
    LONG8,
    SHORT,
    UNDEFINED,
    Entry,
    density_entries,
    entry,
    packed,
)
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.formats.tiff_exif import entries_from
from filterfleet.worker.pixels.channels import channels_of, to_rgb_order
from filterfleet.worker.pixels.image import Image

_BIG_FROM = 4_000_000_000  # bytes of pixels, before compression; offsets in a plain TIFF have 32 bits
_ROWS_PER_STRIP = 64  # at most: readers unpack a strip at once
_DEFLATE, _BLACK_IS_ZERO, _RGB, _CONTIGUOUS, _DIFFERENCES, _UNASSOCIATED = 8, 1, 2, 1, 2, 2

Part = tuple[int, int, list[bytes]]  # bits per sample, channels, and the strips


class TiffWriter:
    """Every band but the last has band_rows rows."""

    def __init__(
        self,
        width: int,
        height: int,
        level: Level,
        band_rows: int,
        carried: Carried = NOTHING,
    ) -> None:
        """Raises OSError."""
        self._width, self._height, self._level, self._carried = width, height, level, carried
        self._rows_per_strip = math.gcd(band_rows, _ROWS_PER_STRIP)
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        self._bits = self._channels = 0
        with closed_on_error(FileBlob()) as self._file:
            self._file.append(bytes(16))  # the header, which finish() writes

    def encode(self, rows: Image) -> Part:
        channels = channels_of(rows)
        rows = to_rgb_order(rows)
        strips = [
            self._strip(rows[top : top + self._rows_per_strip]) for top in range(0, len(rows), self._rows_per_strip)
        ]
        return rows.dtype.itemsize * 8, channels, strips

    def _strip(self, rows: Image) -> bytes:
        differences = rows.astype(rows.dtype.newbyteorder("<"), order="C")
        np.subtract(rows[:, 1:], rows[:, :-1], out=differences[:, 1:])
        deflate = compressor(self._level, 15)
        packed: bytes = deflate.compress(differences.data) + deflate.flush()
        return packed

    def append(self, part: Part) -> None:
        """Raises OSError."""
        self._bits, self._channels, strips = part
        for strip in strips:
            self._offsets.append(len(self._file))
            self._lengths.append(len(strip))
            self._file.append(strip)

    def finish(self) -> FileBlob:
        """Raises OSError."""
        big = self._width * self._height * self._channels * self._bits // 8 > _BIG_FROM
        place = len(self._file) + len(self._file) % 2
        exif, below = entries_from(self._carried.exif, place, big=big)
        start = place + len(below)
        self._file.write(place, below + packed([*self._entries(LONG8 if big else LONG), *exif], start, big=big))
        header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if big else struct.pack("<2sHI", b"II", 42, start)
        self._file.write(0, header)
        return self._file

    def close(self) -> None:
        self._file.close()

    def _entries(self, offset: int) -> Iterator[Entry]:
        """The entries of the directory but for EXIF. offset is the type of offsets."""
        colour = self._channels > 2
        alpha = self._channels in (2, 4)
        yield entry(256, LONG, [self._width])
        yield entry(257, LONG, [self._height])
        yield entry(258, SHORT, [self._bits] * self._channels)
        yield entry(259, SHORT, [_DEFLATE])
        yield entry(262, SHORT, [_RGB if colour else _BLACK_IS_ZERO])
        yield entry(273, offset, self._offsets)
        yield entry(277, SHORT, [self._channels])
        yield entry(278, LONG, [self._rows_per_strip])
        yield entry(279, offset, self._lengths)
        yield entry(284, SHORT, [_CONTIGUOUS])
        yield entry(317, SHORT, [_DIFFERENCES])
        if alpha:
            yield entry(338, SHORT, [_UNASSOCIATED])
        carried = fitting_to(self._carried, gray=not colour)
        yield from density_entries(carried.density)
        if carried.xmp is not None:
            yield Entry(700, BYTE, len(carried.xmp), carried.xmp)
        if carried.icc is not None:
            yield Entry(34675, UNDEFINED, len(carried.icc), carried.icc)
