"""The pixels of the merged picture of a Photoshop file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import Blob, read
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import damaged
from filterfleet.worker.formats.psd_parts import Mode, Parts
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.vips import pyvips

_ROWS = 256  # whose colours are taken off white at once, which needs 32 bits a sample meanwhile


def merged(blob: Blob, parts: Parts, *, runs: bool) -> Image:
    """runs: the picture is stored in run lengths. Raises ImageError and MemoryError."""
    stored = _stored(blob, parts, runs=runs)
    if parts.mode is Mode.BITMAP:
        return np.where(stored[:, :, 0], np.uint8(0), np.uint8(255))
    if parts.mode is Mode.INDEXED:
        table = np.frombuffer(read(blob, parts.palette, 768), np.uint8).reshape(3, 256)[::-1].T
        return np.ascontiguousarray(table[stored[:, :, 0]])
    if parts.mode is Mode.CMYK:
        stored = _from_cmyk(stored, parts)
    if parts.alpha and not stored[:, :, -1].any():  # nothing would be seen, which nobody has meant
        stored = np.ascontiguousarray(stored[:, :, :-1])
    elif parts.alpha and parts.layered:
        _off_white(stored)
    return from_rgb_order(stored)


def _stored(blob: Blob, parts: Parts, *, runs: bool) -> Image:
    """(height, width, channels) of the colours and alpha, in the order of the file."""
    count = parts.colours + parts.alpha
    if parts.depth == 1:
        image: Image = np.empty((parts.height, parts.width, count), np.uint8)
    else:
        image = np.empty((parts.height, parts.width, count), np.uint8 if parts.depth == 8 else np.uint16)
    rows = _rows_of_runs(blob, parts, count) if runs else _plain_rows(blob, parts, count)
    for number, row in enumerate(rows):
        channel, line = divmod(number, parts.height)
        image[line, :, channel] = _samples(row, parts)
    return image


def _samples(row: Payload | bytearray, parts: Parts) -> NDArray[np.uint8 | np.uint16]:
    if parts.depth == 1:
        return np.unpackbits(np.frombuffer(row, np.uint8), count=parts.width)
    return np.frombuffer(row, np.uint8 if parts.depth == 8 else ">u2")


def _plain_rows(blob: Blob, parts: Parts, count: int) -> Iterator[Payload]:
    """Nothing else of the file is read: its layers may take gigabytes."""
    size = count * parts.height * parts.row
    data = read(blob, parts.pixels + 2, size)
    if len(data) < size:
        raise damaged("psd")
    for at in range(0, size, parts.row):
        yield data[at : at + parts.row]


def _rows_of_runs(blob: Blob, parts: Parts, count: int) -> Iterator[bytearray]:
    """The lengths of all rows come first, then the rows."""
    start = parts.pixels + 2
    table = read(blob, start, 2 * parts.channels * parts.height)
    if len(table) < 2 * parts.channels * parts.height:
        raise damaged("psd")
    lengths = np.frombuffer(table, ">u2", count * parts.height).tolist()
    data = read(blob, start + len(table), sum(lengths))
    at = 0
    for length in lengths:
        yield _unpacked(bytes(data[at : at + length]), parts.row)
        at += length


def _unpacked(packed: bytes, size: int) -> bytearray:
    """A row of PackBits (TIFF 6.0, section 9). Raises ImageError if it is too short."""
    row = bytearray()
    at, end = 0, len(packed)
    while at < end and len(row) < size:
        number = packed[at]
        if number < 128:
            row += packed[at + 1 : at + 2 + number]
            at += 2 + number
        elif number > 128:
            row += packed[at + 1 : at + 2] * (257 - number)
            at += 2
        else:
            at += 1
    if len(row) < size:
        raise damaged("psd")
    del row[size:]
    return row


def _from_cmyk(stored: Image, parts: Parts) -> Image:
    """sRGB, with alpha as it was. The file counts the paper that shows, and libvips the ink. Raises ImageError."""
    ink = np.ascontiguousarray(~stored[:, :, :4])
    deep = parts.depth == 16
    lazy = pyvips.Image.new_from_memory(ink, parts.width, parts.height, 4, "ushort" if deep else "uchar")
    lazy = lazy.copy(interpretation="cmyk")
    if parts.icc is not None:
        lazy.set_type(pyvips.GValue.blob_type, "icc-profile-data", parts.icc)
    try:
        lazy = lazy.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=parts.depth)
        colours = np.frombuffer(lazy.write_to_memory(), stored.dtype).reshape(parts.height, parts.width, 3)
    except pyvips.Error:
        raise damaged("psd") from None
    return np.dstack([colours, stored[:, :, 4:]]) if parts.alpha else colours.copy()


def _off_white(stored: Image) -> None:
    """Photoshop lays the colours of a merged picture over white. This gives transparent ones back, in place."""
    top = np.iinfo(stored.dtype).max
    for start in range(0, stored.shape[0], _ROWS):
        rows = stored[start : start + _ROWS]
        alpha = rows[:, :, -1:].astype(np.int64)
        laid = rows[:, :, :-1].astype(np.int64)
        paper = top - alpha
        colours = ((laid - paper) * top + alpha // 2) // np.maximum(alpha, 1)
        rows[:, :, :-1] = np.where(alpha > 0, colours, laid).clip(0, top)
