"""Whole JPEG files, by simplejpeg; it takes half the time of libvips, but refuses much that is no damage."""

from __future__ import annotations

import re
from collections.abc import Iterator

import simplejpeg

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import damaged_pixels
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.limits import MAX_SCANS
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.settings import WHOLE_PIXELS

_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")  # with a length, or EOI; restarts and escapes belong to a scan
_SEGMENT = re.compile(rb"\xff[\xc0-\xfe]")  # a marker between segments, behind the bytes that may fill up before it
_SOS, _SCAN, _END = 0xDA, b"\xff\xda", b"\xff\xd9"
_TOO_SHORT = "premature end of data segment"  # libjpeg's warning when a scan has fewer blocks than the image
_ODD_SAMPLING = "subsampling level"  # simplejpeg knows six samplings of colour
_FILLING = 16  # equal bytes at the end of a scan: somebody has filled up what was missing


def decode(data: Payload, header: Header, damaged: Damaged) -> Image | None:
    """The picture, or None if only libvips reads it: its components are sampled in an unusual way, or damage is
    accepted and simplejpeg finds too much of it.

    Bytes between segments and behind the last block are passed over, and a missing end is no damage, under either
    policy. Raises ImageError for damage and for more than MAX_SCANS scans.
    """
    if not header.bounded and _scans(data) > MAX_SCANS:
        raise ImageError(f"The JPEG file has more than {MAX_SCANS} scans.")
    strict = damaged is Damaged.REFUSE
    for variant in _variants(data, header) if strict else (data, _without_strays(data)):
        image, why = _decoded(variant, header, strict=strict)
        if image is not None or _ODD_SAMPLING in why:
            return image
    if strict:
        raise damaged_pixels("jpeg", damaged)
    return None


def _variants(data: Payload, header: Header) -> Iterator[Payload]:
    """The file, and then what it would be without harmless faults."""
    yield data
    clean = _without_strays(data)
    yield clean
    yield bytes(clean) + _END
    if header.bounded and header.pixels <= WHOLE_PIXELS:
        scan = _until_a_foreign_marker(clean)
        end = _end_of_the_last_block(scan, header)
        if end is not None and len(set(scan[end - _FILLING : end])) > 1:
            yield scan[:end] + _END


def _decoded(data: Payload, header: Header, *, strict: bool) -> tuple[Image | None, str]:
    """The picture, or the reason why there is none."""
    colours = "GRAY" if header.bands == 1 else "BGR"
    try:
        image: Image = simplejpeg.decode_jpeg(data, colours, strict=strict)
    except ValueError as error:
        return None, str(error)
    return (image[:, :, 0] if header.bands == 1 else image), ""


def _scans(data: Payload) -> int:
    """The number of scans before the end of the image, counted to just above MAX_SCANS."""
    at, count = 2, 0
    while count <= MAX_SCANS and (found := _MARKER.search(data, at)):
        marker = found[0][1]
        if marker == _END[1]:  # what follows, a film for instance, is not part of the image
            break
        count += marker == _SOS
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")  # past the segment
    return count


def _without_strays(data: Payload) -> bytes:
    """The file without bytes that belong to no segment, up to the first scan."""
    kept = [bytes(data[:2])]
    at = 2
    while found := _SEGMENT.search(data, at):
        start = found.end() - 2
        if data[start + 1] in (_SOS, _END[1]):
            return b"".join((*kept, bytes(data[start:])))
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        kept.append(bytes(data[start:at]))
    return bytes(data)


def _until_a_foreign_marker(data: bytes) -> bytes:
    """The file up to the first marker in or behind its scan: what follows may be no JPEG."""
    found = _MARKER.search(data, data.find(_SCAN) + len(_SCAN))
    return data[: found.start()] if found else data


def _end_of_the_last_block(data: bytes, header: Header) -> int | None:
    """Where a baseline scan has as many blocks as the image needs, found by halving: decoders do not tell. None if it
    never has.
    """
    low, high = data.find(_SCAN), len(data)
    if low < 0 or not _complete(data, header):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _complete(data[:middle], header) else (middle, high)
    return high


def _complete(data: bytes, header: Header) -> bool:
    image, why = _decoded(data + _END, header, strict=True)
    return image is not None or ("extraneous" in why and _TOO_SHORT not in why)
