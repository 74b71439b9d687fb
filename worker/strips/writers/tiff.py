"""TIFF 6.0, or BigTIFF where offsets need it, from bands: strips deflated with the horizontal predictor. Each strip is
complete in itself, so bands join by listing their strips.

Why libvips does not write these files: see worker.strips.writers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.formats.deflate import Level, compressor
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.pixels.channels import channels_of, to_rgb_order
from filterfleet.worker.pixels.image import Image

_BIG_FROM = 4_000_000_000  # bytes of pixels, before compression; offsets in a plain TIFF have 32 bits
_ROWS_PER_STRIP = 64  # at most: readers unpack a strip at once
_BYTE, _SHORT, _LONG, _UNDEFINED, _LONG8 = 1, 3, 4, 7, 16  # types of the values of a tag
_CODE = {_BYTE: "B", _SHORT: "H", _LONG: "I", _UNDEFINED: "B", _LONG8: "Q"}
_DEFLATE, _BLACK_IS_ZERO, _RGB, _CONTIGUOUS, _DIFFERENCES, _UNASSOCIATED = 8, 1, 2, 1, 2, 2

Part = tuple[int, int, list[bytes]]  # bits per sample, channels, and the strips
Tag = tuple[int, int, Sequence[int]]  # number, type, values


class TiffWriter:
    """Every band but the last has band_rows rows. EXIF is not carried: it would have to be spread over tags."""

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
        start = len(self._file) + len(self._file) % 2
        self._file.write(start, _directory(list(self._tags(_LONG8 if big else _LONG)), start, big=big))
        header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if big else struct.pack("<2sHI", b"II", 42, start)
        self._file.write(0, header)
        return self._file

    def close(self) -> None:
        self._file.close()

    def _tags(self, offset: int) -> Iterator[Tag]:
        """The tags of the directory, ascending. offset is the type of offsets."""
        colour = self._channels > 2
        alpha = self._channels in (2, 4)
        yield 256, _LONG, [self._width]
        yield 257, _LONG, [self._height]
        yield 258, _SHORT, [self._bits] * self._channels
        yield 259, _SHORT, [_DEFLATE]
        yield 262, _SHORT, [_RGB if colour else _BLACK_IS_ZERO]
        yield 273, offset, self._offsets
        yield 277, _SHORT, [self._channels]
        yield 278, _LONG, [self._rows_per_strip]
        yield 279, offset, self._lengths
        yield 284, _SHORT, [_CONTIGUOUS]
        yield 317, _SHORT, [_DIFFERENCES]
        if alpha:
            yield 338, _SHORT, [_UNASSOCIATED]
        carried = fitting_to(self._carried, gray=not colour)
        if carried.xmp is not None:
            yield 700, _BYTE, carried.xmp
        if carried.icc is not None:
            yield 34675, _UNDEFINED, carried.icc


def _directory(tags: Sequence[Tag], start: int, *, big: bool) -> bytes:
    """The image file directory, to be written at the offset start, followed by the values that are too long for it."""
    count, entry, pointer = ("<Q", "<HHQ", "<Q") if big else ("<H", "<HHI", "<I")
    room = struct.calcsize(pointer)
    behind = start + struct.calcsize(count) + len(tags) * (struct.calcsize(entry) + room) + room
    table, values = struct.pack(count, len(tags)), b""
    for number, kind, items in tags:
        packed = struct.pack(f"<{len(items)}{_CODE[kind]}", *items)
        table += struct.pack(entry, number, kind, len(items))
        if len(packed) <= room:
            table += packed.ljust(room, b"\0")
        else:
            table += struct.pack(pointer, behind + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    return table + bytes(room) + values
