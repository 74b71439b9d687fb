"""The colour that an AVIF or HEIC file states in numbers (nclx): ISO 14496-12, 12.1.5, and ISO 23008-12."""

from __future__ import annotations

import struct

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.colour import Colour, from_code_points
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS

_Boxes = list[tuple[bytes, bytes]]  # kind and content


def colour_of(blob: Blob) -> Colour | None:
    """What the first nclx among the properties of the primary image states; None if it states nothing that is known.
    Raises OSError.
    """
    try:
        return _stated(_boxes(_meta(blob)))
    except (struct.error, IndexError):
        return None


def _meta(blob: Blob) -> bytes:
    """The boxes in the box `meta`; empty if there is none."""
    at = 0
    for _ in range(MAX_PARTS):
        head = bytes(read(blob, at, 8))
        if len(head) < 8:
            break
        size, kind = struct.unpack(">I4s", head)
        if kind == b"meta" and 12 <= size <= MAX_METADATA:
            return bytes(read(blob, at + 12, size - 12))
        if size < 8:
            break
        at += size
    return b""


def _boxes(data: bytes) -> _Boxes:
    found: _Boxes = []
    at = 0
    while at + 8 <= len(data) and len(found) < MAX_PARTS:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            break
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def _first(boxes: _Boxes, kind: bytes) -> bytes:
    return next((content for name, content in boxes if name == kind), b"")


def _stated(meta: _Boxes) -> Colour | None:
    """Raises struct.error and IndexError where boxes are too short."""
    primary_box = _first(meta, b"pitm")
    primary = int.from_bytes(primary_box[4:8] if primary_box[0] else primary_box[4:6], "big")
    properties = _boxes(_first(meta, b"iprp"))
    known = _boxes(_first(properties, b"ipco"))
    for index in _associated(_first(properties, b"ipma"), primary):
        kind, content = known[index - 1] if 0 < index <= len(known) else (b"", b"")
        if kind == b"colr" and content[:4] == b"nclx":
            return from_code_points(*struct.unpack_from(">HH", content, 4))
    return None


def _associated(ipma: bytes, primary: int) -> list[int]:
    """The indices, from 1, of the properties of an item."""
    version, large = ipma[0], ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(min(count, MAX_PARTS)):
        (item,) = struct.unpack_from(">H" if version < 1 else ">I", ipma, at)
        at += 2 if version < 1 else 4
        number = ipma[at]
        indices = struct.unpack_from(f">{number}{'H' if large else 'B'}", ipma, at + 1)
        if item == primary:
            return [index & (0x7FFF if large else 0x7F) for index in indices]
        at += 1 + number * (2 if large else 1)
    return []
