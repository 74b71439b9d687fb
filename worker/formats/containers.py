"""The header of WebP, which libvips reads only as a whole."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from typing import Any

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS


def webp(blob: Blob) -> Header:
    """A RIFF file with the chunk VP8 or VP8L, which holds the pixels, and with VP8X before it if there is more. Raises
    DamagedHeader.
    """
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
    exif = found.get(b"EXIF", b"").removeprefix(PREFIX)
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


def has_several_frames(blob: Blob) -> bool:
    """Whether a WebP file is an animation of more than one frame. Raises OSError."""
    try:
        frames = (kind for kind, _, _ in _riff_chunks(blob) if kind == b"ANMF")
        return len(list(itertools.islice(frames, 2))) > 1
    except DamagedHeader:
        return False


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
    """Kind, start and length (of its data, in bytes) of each chunk."""
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(blob):
            return
        kind, length = _unpack("<4sI", blob, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _metadata(blob: Blob, start: int, length: int) -> bytes:
    """The bytes, or none if there are too many of them."""
    return bytes(read(blob, start, length)) if 0 <= length <= MAX_METADATA else b""


def _unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
