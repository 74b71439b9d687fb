"""PBM, PGM and PPM (netpbm.sourceforge.net/doc/pnm.html), by numpy. OpenCV reads them too, but does not scale samples
whose largest value is neither 255 nor 65535.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from filterfleet.common.blob import Blob, read, whole
from filterfleet.worker.formats.damage import damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.image import Image

# Bytes in which the header has to end. Real ones have 15 bytes and perhaps a comment. More: longer comments are read.
# Less: a file without an end of its header is refused sooner.
HEADER = 4096

_TEXT = 12  # bytes for each sample that is written out, while it becomes a number

_BLANK = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(
    rb"P(?:(?P<bits>[14])%b(\d{1,9})%b(\d{1,9})|[2356]%b(\d{1,9})%b(\d{1,9})%b(\d{1,5}))\s" % ((_BLANK,) * 5)
)


@dataclass(frozen=True, slots=True)
class _Raster:
    """kind: the digit after "P". white: the sample that means white, 255 for bits. start: the offset of the first
    sample."""

    kind: int
    width: int
    height: int
    white: int
    start: int

    @property
    def bands(self) -> int:
        return 3 if self.kind in (3, 6) else 1


def header(blob: Blob) -> Header:
    """Raises ImageError."""
    raster = _raster(blob)
    samples = raster.width * raster.height * raster.bands
    decoding = _TEXT * samples if raster.kind < 4 else 0
    bits = 8 if raster.white < 256 else 16
    return Header("pnm", raster.width, raster.height, bands=raster.bands, bits=bits, decoding=decoding)


def decode(blob: Blob) -> Image:
    """The first image of the file. Its samples are scaled so that white is 255 or 65535. Raises ImageError."""
    raster = _raster(blob)
    samples = _samples(whole(blob), raster)
    if raster.white not in (255, 65535):
        full = 255 if raster.white < 256 else 65535
        values = np.arange(raster.white + 1, dtype=np.uint32)
        table = ((values * full + raster.white // 2) // raster.white).astype(np.uint8 if full == 255 else np.uint16)
        samples = table[np.minimum(samples, raster.white)]
    return from_rgb_order(samples.reshape(raster.height, raster.width, raster.bands))


def _raster(blob: Blob) -> _Raster:
    found = _HEADER.match(bytes(read(blob, 0, HEADER)))
    if found is None:
        raise damaged("pnm")
    kind = int(found[0][1:2])
    width, height, white = (
        int(number) for number in ((*found.group(2, 3), 255) if found["bits"] else found.group(4, 5, 6))
    )
    if not 1 <= white <= 65535:
        raise damaged("pnm")
    return _Raster(kind, width, height, white, found.end())


def _samples(data: bytes | memoryview, raster: _Raster) -> Image:
    """uint8 or uint16, in the order of the file; bits have become 0 and 255."""
    count = raster.width * raster.height * raster.bands
    if raster.kind == 4:
        row = (raster.width + 7) // 8
        packed = _array(data, np.dtype(np.uint8), row * raster.height, raster.start).reshape(raster.height, row)
        return np.where(np.unpackbits(packed, axis=1, count=raster.width), np.uint8(0), np.uint8(255))
    if raster.kind in (5, 6):
        kind = np.dtype(np.uint8 if raster.white < 256 else ">u2")
        return _array(data, kind, count, raster.start).astype(kind.newbyteorder("="))
    return _text(bytes(data[raster.start :]), raster, count)


def _array(data: bytes | memoryview, kind: np.dtype[np.uint8 | np.uint16], count: int, start: int) -> Image:
    if len(data) - start < count * kind.itemsize:
        raise damaged("pnm")
    return np.frombuffer(data, kind, count, start)


def _text(text: bytes, raster: _Raster, count: int) -> Image:
    """Samples that are written as decimal numbers; bits need no blanks between them."""
    if raster.kind == 1:
        digits = np.frombuffer(text, np.uint8)
        bits = digits[(digits == ord("0")) | (digits == ord("1"))][:count]
        samples = np.where(bits == ord("1"), np.uint8(0), np.uint8(255))
    else:
        try:
            numbers = np.fromstring(text, np.uint32, sep=" ")[:count]
        except ValueError:  # something that is no number
            raise damaged("pnm") from None
        samples = np.minimum(numbers, raster.white).astype(np.uint16 if raster.white > 255 else np.uint8)
    if samples.size != count:
        raise damaged("pnm")
    return samples
