"""Boxes of ISO base media files (ISO 14496-12), and what AVIF and HEIC keep in them about their primary image and its
EXIF (ISO 23008-12).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader, too_many
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS

_FULL = 4  # bytes of version and flags at the start of a box of that kind


class Box(NamedTuple):
    """start, stop: where its content lies in the file."""

    kind: bytes
    start: int
    stop: int


class ExifItem(NamedTuple):
    """kind_at: where in the file the four letters "Exif" stand that name the kind of the item. data: the TIFF
    structure, or None if it is not where it should be.
    """

    kind_at: int
    data: bytes | None


def primary_properties(blob: Blob) -> list[Box]:
    """The properties of the primary image. Raises DamagedHeader and OSError."""
    meta = _meta(blob)
    primary = _primary(blob, meta)
    parts = list(_inside(blob, find(meta, b"iprp")))
    known = list(_inside(blob, find(parts, b"ipco")))
    wanted = _associated(blob, find(parts, b"ipma").start, primary)
    return [known[index - 1] for index in wanted if 0 < index <= len(known)]


def primary_start(blob: Blob, most: int) -> bytes:
    """The first bytes of the primary image, at most this many. Raises DamagedHeader and OSError."""
    meta = _meta(blob)
    places = _places(blob, meta, _primary(blob, meta))
    return bytes(read(blob, places[0][0], min(most, places[0][1]))) if places else b""


def is_multiplied(blob: Blob) -> bool:
    """Whether the colours of the primary image are stored multiplied by its alpha: a reference of the kind "prem"
    (ISO 23008-12, 6.10.1.2) leads from it. Raises DamagedHeader and OSError.
    """
    meta = _meta(blob)
    references = [box for box in meta if box.kind == b"iref"]
    if not references:
        return False
    primary = _primary(blob, meta)
    start, stop = references[0].start, references[0].stop
    number = ">I" if unpack(">B", blob, start)[0] else ">H"
    inside = boxes(blob, start + _FULL, stop)
    return any(box.kind == b"prem" and unpack(number, blob, box.start)[0] == primary for box in inside)


def exif_items(blob: Blob) -> list[ExifItem]:
    """The items that hold EXIF; those after the first without their data. Raises DamagedHeader and OSError."""
    found: list[ExifItem] = []
    for meta in _metas(blob):
        for entry in _entries(blob, meta):
            kind_at, number = _item(blob, entry)
            if bytes(read(blob, kind_at, 4)) == b"Exif":
                found.append(ExifItem(kind_at, None if found else _exif(blob, meta, number)))
    return found


def _entries(blob: Blob, meta: list[Box]) -> Iterator[Box]:
    """What iinf says of each item."""
    for box in meta:
        if box.kind == b"iinf":
            version = unpack(">B", blob, box.start)[0]
            yield from boxes(blob, box.start + _FULL + (4 if version else 2), box.stop)


def boxes(blob: Blob, at: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets. Raises DamagedHeader, and ImageError for more than MAX_PARTS of them."""
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        length, kind = unpack(">I4s", blob, at)
        start = at + 8
        if length == 1:
            (length,) = unpack(">Q", blob, start)
            start += 8
        stop = end if length == 0 else at + length
        if not start <= stop <= end:
            raise DamagedHeader
        yield Box(kind, start, stop)
        at = stop
    raise too_many("boxes")


def find(among: list[Box], kind: bytes) -> Box:
    """The first box of a kind. Raises DamagedHeader."""
    for box in among:
        if box.kind == kind:
            return box
    raise DamagedHeader


def unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    """Raises DamagedHeader at the end of the file."""
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None


def _meta(blob: Blob) -> list[Box]:
    """The boxes in the first box `meta`."""
    return next(_metas(blob))


def _metas(blob: Blob) -> Iterator[list[Box]]:
    """The boxes in each box `meta`, of which there should be one. Raises DamagedHeader if there is none."""
    count = 0
    top = boxes(blob, 0, sys.maxsize)
    while True:
        try:
            box = next(top, None)
        except DamagedHeader:  # the file is cut short, or something else follows the boxes
            box = None
        if box is None:
            break
        if box.kind == b"meta":
            count += 1
            yield list(boxes(blob, box.start + _FULL, min(box.stop, len(blob))))
    if not count:
        raise DamagedHeader


def _inside(blob: Blob, box: Box) -> Iterator[Box]:
    return boxes(blob, box.start, box.stop)


def _associated(blob: Blob, start: int, item: int) -> list[int]:
    """The numbers of the properties of an item, counted from 1."""
    version, flags, count = unpack(">B2xBI", blob, start)
    at = start + 8
    name, each = ">I" if version else ">H", "H" if flags & 1 else "B"
    for _ in range(min(count, MAX_PARTS)):
        (found,) = unpack(name, blob, at)
        at += struct.calcsize(name)
        (number,) = unpack(">B", blob, at)
        if found == item:
            values = unpack(f">{number}{each}", blob, at + 1)
            return [value & (0x7FFF if flags & 1 else 0x7F) for value in values]  # the highest bit says "essential"
        at += 1 + number * struct.calcsize(each)
    raise DamagedHeader


def _item(blob: Blob, entry: Box) -> tuple[int, int]:
    """Where an entry of iinf names the kind of its item, and the number of the item."""
    version = unpack(">B", blob, entry.start)[0]
    (number,) = unpack(">I" if version >= 3 else ">H", blob, entry.start + _FULL)
    return entry.start + _FULL + (4 if version >= 3 else 2) + 2, number


def _primary(blob: Blob, meta: list[Box]) -> int:
    """The number of the primary image."""
    start = find(meta, b"pitm").start
    version = unpack(">B", blob, start)[0]
    (primary,) = unpack(">I" if version else ">H", blob, start + _FULL)
    return int(primary)


def _exif(blob: Blob, meta: list[Box], item: int) -> bytes | None:
    """The TIFF structure of an item, behind the four bytes that say where in the item it starts."""
    try:
        places = _places(blob, meta, item)
    except DamagedHeader:
        return None
    if sum(length for _, length in places) > min(MAX_METADATA, len(blob)):
        return None
    data = b"".join(bytes(read(blob, start, length)) for start, length in places)
    return data[4 + int.from_bytes(data[:4], "big") :] or None


def _places(blob: Blob, meta: list[Box], item: int) -> list[tuple[int, int]]:
    """Where in the file the parts of an item start, and their lengths (ISO 14496-12, 8.11.3). Raises DamagedHeader."""
    box = find(meta, b"iloc")
    version, sizes, more = unpack(">B3xBB", blob, box.start)
    offset, length, base, index = sizes >> 4, sizes & 15, more >> 4, (more & 15) if version else 0
    name = ">I" if version >= 2 else ">H"
    wide = struct.calcsize(name)
    (count,) = unpack(name, blob, box.start + 6)
    at = box.start + 6 + wide
    each = index + offset + length
    for _ in range(min(count, MAX_PARTS)):
        (found,) = unpack(name, blob, at)
        method = unpack(">H", blob, at + wide)[0] & 15 if version else 0
        at += wide + (4 if version else 2)
        start, extents = _number(blob, at, base), unpack(">H", blob, at + base)[0]
        at += base + 2
        if found == item:
            start += _origin(meta, method)
            steps = range(at + index, at + index + min(extents, MAX_PARTS) * each, each or 1)
            places = [(start + _number(blob, at, offset), _number(blob, at + offset, length)) for at in steps]
            if any(start > len(blob) for start, _ in places):
                raise DamagedHeader
            return places
        at += extents * each
    raise DamagedHeader


def _origin(meta: list[Box], method: int) -> int:
    """From where offsets count: the start of the file, or the content of the box `idat`. Raises DamagedHeader."""
    if method > 1:
        raise DamagedHeader
    return find(meta, b"idat").start if method else 0


def _number(blob: Blob, at: int, size: int) -> int:
    return int.from_bytes(read(blob, at, size), "big")
