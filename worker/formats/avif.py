"""What the boxes of an AVIF file (ISO 23008-12) say of its samples that libvips does not heed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.limits import MAX_PARTS

_FULL_BOX = 4  # bytes of version and flags at the start of a box of that kind
_MONOCHROME = 0x10  # in the third byte of av1C
_FULL_RANGE = 0x80  # in the last byte of a colour box of the type nclx


def limited_gray(blob: Blob) -> bool:
    """Whether the primary image is gray with samples of limited range, in which white is 235 of 255. libvips converts
    only colours of this kind to the full range. False if the boxes cannot be followed.
    """
    try:
        properties = _properties_of_the_primary_image(blob)
    except DamagedHeader:
        return False
    gray = limited = False
    for kind, start, stop in properties:
        content = bytes(read(blob, start, min(stop - start, 11)))
        if kind == b"av1C" and len(content) > 2:
            gray = bool(content[2] & _MONOCHROME)
        elif kind == b"colr" and content[:4] == b"nclx" and len(content) > 10:
            limited = not content[10] & _FULL_RANGE
    return gray and limited


def to_full_range(image: Any, bits: int) -> Any:
    """A pyvips.Image of limited_gray samples, and maybe alpha, in the full range. Samples of more than 8 bits stand in
    the upper bits of 16; they become 16 bits.
    """
    black, span = (16 << 8, 219 << 8) if image.format == "ushort" else (16, 219)
    top = 65535 if image.format == "ushort" else 255
    alpha = image[3:] if image.bands == 4 else None
    if alpha is not None and bits > 8:
        alpha = alpha | (alpha >> bits)
    spread = image.extract_band(0, n=3).linear(top / span, 0.5 - black * top / span).cast(image.format)
    return (spread if alpha is None else spread.bandjoin(alpha)).copy(interpretation=image.interpretation)


def _properties_of_the_primary_image(blob: Blob) -> list[tuple[bytes, int, int]]:
    """Kind, start and stop of each property. Raises DamagedHeader."""
    meta = _find(_boxes(blob, 0, len(blob)), b"meta")
    inside = list(_boxes(blob, meta[0] + _FULL_BOX, meta[1]))
    start, _ = _find(inside, b"pitm")
    version = _unpack(">B", blob, start)[0]
    (primary,) = _unpack(">I" if version else ">H", blob, start + _FULL_BOX)
    parts = list(_boxes(blob, *_find(inside, b"iprp")))
    properties = list(_boxes(blob, *_find(parts, b"ipco")))
    wanted = _associated(blob, _find(parts, b"ipma")[0], primary)
    return [properties[index - 1] for index in wanted if 0 < index <= len(properties)]


def _associated(blob: Blob, start: int, item: int) -> list[int]:
    """The numbers of the properties of an item, counted from 1."""
    version, flags, count = _unpack(">B2xBI", blob, start)
    at = start + 8
    name, each = ">I" if version else ">H", ">H" if flags & 1 else ">B"
    for _ in range(min(count, MAX_PARTS)):
        (found,) = _unpack(name, blob, at)
        at += struct.calcsize(name)
        (number,) = _unpack(">B", blob, at)
        numbers = _unpack(">" + str(number) + each[1:], blob, at + 1)
        if found == item:
            return [value & (0x7FFF if flags & 1 else 0x7F) for value in numbers]  # the highest bit says "essential"
        at += 1 + number * struct.calcsize(each)
    raise DamagedHeader


def _find(boxes: Any, kind: bytes) -> tuple[int, int]:
    """Start and stop of the content of the first box of a kind. Raises DamagedHeader."""
    for found, start, stop in boxes:
        if found == kind:
            return start, stop
    raise DamagedHeader


def _boxes(blob: Blob, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box, and start and stop of its content. Raises DamagedHeader."""
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        length, kind = _unpack(">I4s", blob, at)
        start = at + 8
        if length == 1:
            (length,) = _unpack(">Q", blob, start)
            start += 8
        stop = end if length == 0 else at + length
        if not start <= stop <= end:
            raise DamagedHeader
        yield kind, start, stop
        at = stop


def _unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
