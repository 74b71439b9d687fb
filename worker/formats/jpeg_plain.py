"""The header of a plain JPEG in one walk over its segments. libvips, which reads the others, takes much longer."""

from __future__ import annotations

import struct

import simplejpeg

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.jpeg_parts import Segments
from filterfleet.worker.formats.limits import MAX_METADATA

_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = (_BASELINE, _EXTENDED, _PROGRESSIVE)
_OTHERS = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}  # tables, restart intervals, comments and applications' own
_SAMPLES = {"Gray": 1, "YCbCr": 3, "RGB": 3}  # of a pixel, by simplejpeg's names
_SCAN = b"\xff\xda"
_SCAN_HEADER = 16  # bytes of the marker and the header of a scan of up to four components

# Bytes before the picture of a file that is read here. A larger value takes more memory for a hostile file; with a
# smaller one, libvips reads photographs with much metadata.
_LONGEST = 1 << 20


def header_of(blob: Blob) -> Header | None:
    """What libvips says of it, and what statements.py adds; None for a file that is not plain. Plain is one picture,
    gray or colour, in 8 bits and one frame, with a whole profile or none, and with nothing before it that belongs to no
    segment. Raises OSError.
    """
    segments = Segments(blob)
    frame, end = None, 2
    for marker, start, stop in segments.found:
        if start != end + 4 or (marker not in _OTHERS and (marker not in _FRAMES or frame)):
            return None
        frame, end = frame if marker in _OTHERS else (marker, start), stop
    if frame is None or end > _LONGEST or segments.has_broken_profile() or segments.has_index():
        return None
    head = bytes(read(blob, 0, end + _SCAN_HEADER))
    if len(head) < end + _SCAN_HEADER:  # the file ends before its picture, or within a segment
        return None
    bits, height, width, samples = struct.unpack_from(">BHHB", head, frame[1])
    if bits != 8 or not head.startswith(_SCAN, end) or _decoders(head) != (height, width, samples):
        return None
    profile, xmp = segments.profile(), segments.xmp()
    return Header(
        "jpeg",
        width,
        height,
        bands=samples,
        bounded=frame[0] != _PROGRESSIVE and head[end + 4] == samples,
        icc=_carried(profile),
        exif=segments.exif(),
        xmp=_carried(xmp),
        density=segments.density(),
    )


def _decoders(head: bytes) -> tuple[int, int, int] | None:
    """Height, width and samples of a pixel as the decoder finds them; None if it refuses the file."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(head)
    except (ValueError, KeyError):  # it has no name for some samplings
        return None
    return height, width, _SAMPLES.get(colours, 0)


def _carried(data: bytes | None) -> bytes | None:
    return data if data and len(data) <= MAX_METADATA else None
