"""Headers of formats that libvips does not read, or not without reading the whole file: WebP, GIF, BMP, JPEG 2000."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.facts import Header

MAX_METADATA = 16 << 20  # bytes of a profile or of one kind of metadata; more is left behind
_MAX_PARTS = 10_000  # chunks or boxes that are looked at


class DamagedHeader(ValueError):  # noqa: N818 - it is caught one call up, and becomes a sentence there
    """The file ends, or contradicts itself, before it has said what is needed."""


def gif(blob: Blob) -> Header:
    """GIF89a: the logical screen, on which the first frame is painted. Four bands, as it may be transparent."""
    width, height = _unpack("<HH", blob, 6)
    return Header("gif", width, height, bands=4, alpha=True)


def bmp(blob: Blob) -> Header:
    """A height below zero means that the rows go from top to bottom."""
    (size,) = _unpack("<I", blob, 14)
    if size == 12:  # OS/2
        width, height, _, bits = _unpack("<HHHH", blob, 18)
    else:
        width, height, _, bits = _unpack("<iiHH", blob, 18)
    if width < 0:
        raise DamagedHeader
    return Header("bmp", width, abs(height), bands=4 if bits == 32 else 3, alpha=bits == 32)


def webp(blob: Blob) -> Header:
    """RIFF, with VP8X first in files that have more than pixels, and the VP8 or VP8L bitstream."""
    size: tuple[int, int, bool] | None = None
    found: dict[bytes, bytes] = {}
    for kind, start, length in _riff_chunks(blob):
        if kind in (b"ICCP", b"EXIF", b"XMP "):
            found.setdefault(kind, _metadata(blob, start, length))
        elif size is None and kind in _WEBP_SIZES:
            size = _WEBP_SIZES[kind](blob, start)
    if size is None:
        raise DamagedHeader
    width, height, alpha = size
    exif = found.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    return Header(
        "webp",
        width,
        height,
        bands=4 if alpha else 3,
        alpha=alpha,
        icc=found.get(b"ICCP") or None,
        exif=exif or None,
        xmp=found.get(b"XMP ") or None,
    )


def _vp8x(blob: Blob, start: int) -> tuple[int, int, bool]:
    flags, _, low_w, high_w, low_h, high_h = _unpack("<B3sHBHB", blob, start)
    return low_w + (high_w << 16) + 1, low_h + (high_h << 16) + 1, bool(flags & 0x10)


def _vp8l(blob: Blob, start: int) -> tuple[int, int, bool]:
    signature, bits = _unpack("<BI", blob, start)
    if signature != 0x2F:
        raise DamagedHeader
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _vp8(blob: Blob, start: int) -> tuple[int, int, bool]:
    signature, width, height = _unpack("<3sHH", blob, start + 3)
    if signature != b"\x9d\x01\x2a":
        raise DamagedHeader
    return width & 0x3FFF, height & 0x3FFF, False


_WEBP_SIZES: dict[bytes, Callable[[Blob, int], tuple[int, int, bool]]] = {b"VP8X": _vp8x, b"VP8L": _vp8l, b"VP8 ": _vp8}


def _riff_chunks(blob: Blob) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of each chunk."""
    at = 12
    for _ in range(_MAX_PARTS):
        if at + 8 > len(blob):
            return
        kind, length = _unpack("<4sI", blob, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def jp2(blob: Blob) -> Header:
    """ISO 15444-1. The size is the codestream's own (SIZ), which is what will be decoded; boxes around it add the
    colour profile."""
    if bytes(read(blob, 0, 2)) == b"\xff\x4f":
        return _codestream(blob, 0, None)
    icc = None
    end = len(blob)
    at = 0
    for _ in range(_MAX_PARTS):
        kind, start, at_next = _box(blob, at, end)
        if kind == b"jp2c":
            return _codestream(blob, start, icc)
        if kind == b"colr" and bytes(read(blob, start, 1)) == b"\x02":  # restricted ICC profile
            icc = _metadata(blob, start + 3, at_next - start - 3) or None
        at = start if kind == b"jp2h" else at_next  # that one holds boxes
    raise DamagedHeader


def _box(blob: Blob, at: int, end: int) -> tuple[bytes, int, int]:
    """Kind of the box, where its content starts, where it ends."""
    length, kind = _unpack(">I4s", blob, at)
    start = at + 8
    if length == 1:
        (length,) = _unpack(">Q", blob, start)
        start += 8
    stop = end if length == 0 else at + length
    if not start <= stop:
        raise DamagedHeader
    return kind, start, stop


def _codestream(blob: Blob, start: int, icc: bytes | None) -> Header:
    marker, right, bottom, left, top = _unpack(">2x2s4xIIII", blob, start)
    bands, depth = _unpack(">HB", blob, start + 40)
    if marker != b"\xff\x51":
        raise DamagedHeader
    if bands not in (1, 3, 4):
        raise ImageError(f"The JP2 file has {bands} samples a pixel; 1, 3 or 4 are read.")
    bits = 8 if (depth & 0x7F) < 8 else 16
    return Header("jp2", right - left, bottom - top, bands=bands, bits=bits, alpha=bands == 4, icc=icc)


def _metadata(blob: Blob, start: int, length: int) -> bytes:
    """Empty where there is too much of it."""
    return bytes(read(blob, start, length)) if 0 <= length <= MAX_METADATA else b""


def _unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
