"""Photoshop files (Adobe Photoshop File Formats Specification): the merged picture, which shows all layers together."""

from __future__ import annotations

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.damage import DamagedHeader, damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.psd_parts import Mode, Parts, parts_of
from filterfleet.worker.formats.psd_pixels import merged
from filterfleet.worker.pixels.image import Image

_PLAIN, _RUNS = 0, 1  # how the merged picture is stored
_ZIP = (2, 3)  # plain, and as differences
_LONGEST_RUN = 128  # bytes that two bytes of run lengths stand for


def header(blob: Blob) -> Header:
    """Raises DamagedHeader, and ImageError for a kind that is not read."""
    parts = parts_of(blob)
    _check(parts)
    rows = parts.channels * parts.height
    least = parts.row if _compression(blob, parts) == _PLAIN else 2 + 2 * -(-parts.row // _LONGEST_RUN)
    if len(blob) < parts.pixels + 2 + rows * least:
        raise DamagedHeader
    return Header(
        "psd",
        parts.width,
        parts.height,
        bands=parts.bands,
        bits=16 if parts.depth == 16 else 8,
        alpha=parts.alpha,
        icc=None if parts.mode is Mode.CMYK else parts.icc,  # CMYK becomes sRGB
        exif=parts.exif,
        xmp=parts.xmp,
        density=parts.density,
    )


def decode(blob: Blob) -> Image:
    """8 or 16 bits; gray, colour, each with or without alpha. Raises ImageError and MemoryError."""
    parts = parts_of(blob)
    return merged(blob, parts, runs=_compression(blob, parts) == _RUNS)


def _compression(blob: Blob, parts: Parts) -> int:
    found = int.from_bytes(read(blob, parts.pixels, 2), "big")
    if found in _ZIP:
        raise ImageError("The PSD file has ZIP compression of its merged picture, which cannot be read.")
    if found not in (_PLAIN, _RUNS):
        raise damaged("psd")
    return found


def _check(parts: Parts) -> None:
    """Raises ImageError for a kind of picture that is not read."""
    if parts.mode in (Mode.MULTICHANNEL, Mode.LAB):
        kind = "CIELAB colours" if parts.mode is Mode.LAB else "separate channels of ink"
        raise ImageError(f"The PSD file has {kind}, which cannot be read.")
    if parts.depth == 32:
        raise ImageError("The PSD file has floating-point samples; only integers of up to 16 bits can be read.")
    if parts.depth not in ((1,) if parts.mode is Mode.BITMAP else (8,) if parts.mode is Mode.INDEXED else (8, 16)):
        raise DamagedHeader
