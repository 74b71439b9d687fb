"""What the boxes of an AVIF file (ISO 23008-12) say of its samples that libvips does not heed."""

from __future__ import annotations

from typing import Any

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.boxes import primary_properties
from filterfleet.worker.formats.damage import DamagedHeader

_MONOCHROME = 0x10  # in the third byte of av1C
_FULL_RANGE = 0x80  # in the last byte of a colour box of the type nclx


def limited_gray(blob: Blob) -> bool:
    """Whether the primary image is gray with samples of limited range, in which white is 235 of 255. libvips converts
    only colours of this kind to the full range. False if the boxes cannot be followed.
    """
    try:
        properties = primary_properties(blob)
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
