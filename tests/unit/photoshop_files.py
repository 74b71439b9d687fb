"""Photoshop files, put together by hand after Adobe's Photoshop File Formats Specification."""

from __future__ import annotations

import struct
from itertools import groupby

import numpy as np

from tests.unit.samples import Pixels

BITMAP, GRAY, INDEXED, RGB, CMYK, MULTICHANNEL, DUOTONE, LAB = 0, 1, 2, 3, 4, 7, 8, 9


def psd(
    planes: Pixels,
    mode: int,
    *,
    runs: bool = False,
    palette: bytes = b"",
    resources: dict[int, bytes] | None = None,
    layers: bytes = b"",
    depth: int | None = None,
    width: int | None = None,
) -> bytes:
    """planes: (channels, height, width) of uint8 or uint16, or of packed bits with the width given."""
    channels, height, stored = planes.shape
    depth = depth or 8 * planes.itemsize
    rows = [row.tobytes() for row in planes.astype(planes.dtype.newbyteorder(">")).reshape(-1, stored)]
    if runs:
        packed = [pack_bits(row) for row in rows]
        body = b"\0\1" + b"".join(struct.pack(">H", len(row)) for row in packed) + b"".join(packed)
    else:
        body = b"\0\0" + b"".join(rows)
    known = b"".join(
        struct.pack(">4sHHI", b"8BIM", kind, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in (resources or {}).items()
    )
    front = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width or stored, depth, mode)
    return front + section(palette) + section(known) + section(layers) + body


def section(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def layer_count(number: int) -> bytes:
    """A section of layers that says only how many there are."""
    return section(struct.pack(">h", number)) + section(b"")


def deep_layer_count(number: int) -> bytes:
    """As Photoshop writes it for 16 bits: in a block of its own."""
    return section(b"") + section(b"") + b"8BIMLr16" + section(struct.pack(">hH", number, 0))


def pack_bits(row: bytes) -> bytes:
    packed = b"\x80"  # does nothing
    for value, run in groupby(row):
        count = len(list(run))
        while count > 0:
            part = min(count, 128)
            packed += bytes((257 - part, value)) if part > 1 else bytes((0, value))
            count -= part
    return packed


def planes_of(image: Pixels) -> Pixels:
    """(channels, height, width) in the order of the file, from gray, gray and alpha, BGR or BGRA."""
    channels = image.reshape(*image.shape[:2], -1)
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(channels.shape[2], list(range(channels.shape[2])))
    return np.ascontiguousarray(channels[:, :, order].transpose(2, 0, 1))
