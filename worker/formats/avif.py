"""What AVIF and HEIC files (ISO 23008-12) say of the range of their samples that libraries do not heed."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.av1 import says_full_range
from filterfleet.worker.formats.boxes import is_multiplied, primary_properties, primary_start
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image

_MONOCHROME = 0x10  # in the third byte of av1C
_CHROMA = 16  # the byte of hvcC whose last two bits are chroma_format_idc, 0 for gray
_FULL_RANGE = 0x80  # in the last byte of a colour box of the type nclx
_BAND = 64  # rows whose samples are in memory as 32 bits at once
_LONGEST = 4096  # bytes of a property or of the stream that are looked at; both begin with what is looked for


def divided_by_alpha(image: Image, blob: Blob) -> Image:
    """The image as it is meant, if its file stores colours multiplied by alpha, which libheif leaves as they are."""
    try:
        multiplied = image.ndim == 3 and image.shape[2] in (2, 4) and is_multiplied(blob)
    except DamagedHeader:
        return image
    return _divided(image) if multiplied else image


def _divided(image: Image) -> Image:
    """Each colour divided by its alpha and rounded; where alpha is 0, colours are 0. In place where that is possible,
    since a second image takes as much memory again.
    """
    top = np.uint32(np.iinfo(image.dtype).max)
    result = image if image.flags.writeable else image.copy()
    for start in range(0, len(image), _BAND):
        band = image[start : start + _BAND].astype(np.uint32)
        alpha = band[:, :, -1:]
        colours = np.where(alpha > 0, (band[:, :, :-1] * top + alpha // 2) // np.maximum(alpha, 1), 0)
        result[start : start + _BAND] = np.dstack([np.minimum(colours, top), alpha])
    return result


def limited_gray(blob: Blob) -> bool:
    """Whether the primary image is gray with samples of limited range, in which white is 235 of 255. libheif converts
    only colours of this kind to the full range. A colour box of the type nclx says so, or else the stream if it is AV1.
    False if the boxes cannot be followed.
    """
    stated: list[bytes] = []
    coded = b""
    gray = False
    try:
        for kind, start, stop in primary_properties(blob):
            content = bytes(read(blob, start, min(stop - start, _LONGEST)))
            if kind == b"av1C" and len(content) > 2:
                coded, gray = content[4:], bool(content[2] & _MONOCHROME)
            elif kind == b"hvcC" and len(content) > _CHROMA:
                gray = content[_CHROMA] & 3 == 0
            elif kind == b"colr" and content[:4] == b"nclx" and len(content) > 10:
                stated.append(content)
        if not gray or stated:
            return gray and not stated[0][10] & _FULL_RANGE
        full = says_full_range(coded)
        return (says_full_range(primary_start(blob, _LONGEST)) if full is None else full) is False
    except DamagedHeader:
        return False


def spread_gray(image: Image) -> Image:
    """An array of limited_gray samples, and maybe alpha, in the full range. Those of more than 8 bits stand in the
    upper bits of 16.
    """
    top = int(np.iinfo(image.dtype).max)
    black, span = (16, 219) if top == 255 else (16 << 8, 219 << 8)
    levels = nearest_levels(((np.arange(top + 1) - black) * (top / span)).astype(np.float32), image.dtype)
    return levels[image]


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
