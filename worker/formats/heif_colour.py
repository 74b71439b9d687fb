"""The colour that an AVIF or HEIC file states in numbers (nclx): ISO 14496-12, 12.1.5, and ISO 23008-12."""

from __future__ import annotations

import struct

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.boxes import primary_properties
from filterfleet.worker.formats.colour import Colour, from_code_points
from filterfleet.worker.formats.damage import DamagedHeader


def colour_of(blob: Blob) -> Colour | None:
    """What the first nclx among the properties of the primary image states; None if it states nothing that is known.
    Raises OSError.
    """
    try:
        for kind, start, stop in primary_properties(blob):
            content = bytes(read(blob, start, min(stop - start, 8)))
            if kind == b"colr" and content[:4] == b"nclx":
                return from_code_points(*struct.unpack_from(">HH", content, 4))
    except (DamagedHeader, struct.error):
        pass
    return None
