"""What a file states besides its pixels, in places that its decoder does not look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from filterfleet.common.blob import Blob
from filterfleet.worker.formats import bmp_colour, boxes, colour, heif_colour, ifd, tiff_exif
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.ifd import Directories
from filterfleet.worker.formats.jpeg_parts import Segments
from filterfleet.worker.formats.metadata import is_profile
from filterfleet.worker.formats.png_parts import parts_of

_LEAST, _MOST = (
    10,
    10_000_000,
)  # pixels per metre: densities beyond these are nonsense, and do not fit into JFIF or TIFF
BROKEN_PROFILE = "The colour profile of the file is broken and was left out."


def with_statements(blob: Blob, header: Header) -> Header:
    """The header with the colours, EXIF and density that the file states. Raises OSError."""
    if header.icc is not None and not is_profile(header.icc):
        header = _without_profile(header)
    if header.format in _READERS:
        header = _READERS[header.format](blob, header)
    return completed(header)


def completed(header: Header) -> Header:
    """The header with what follows from its profile and its EXIF, and without a density that makes no sense."""
    if header.icc is not None and not is_profile(header.icc):
        header = _without_profile(header)
    if header.density is None and header.exif is not None:
        directories = Directories(header.exif)
        header = dataclasses.replace(header, density=ifd.density_of(directories.entries(directories.first)))
    if header.density is not None and not all(_LEAST < value < _MOST for value in header.density):
        header = dataclasses.replace(header, density=None)
    if header.icc is None and header.colour is None:
        header = dataclasses.replace(header, colour=colour.from_exif(header.exif))
    return header


def _without_profile(header: Header) -> Header:
    return dataclasses.replace(header.noting(BROKEN_PROFILE), icc=None)


def _jpeg(blob: Blob, header: Header) -> Header:
    segments = Segments(blob)
    header = dataclasses.replace(header, density=segments.density(), exif=segments.exif())
    return _without_profile(header) if segments.has_broken_profile() else header


def _png(blob: Blob, header: Header) -> Header:
    """cICP outranks a profile, and a profile outranks all others (PNG, third edition, 4.3)."""
    parts = parts_of(blob)
    stated = {kind: data for kind, data in parts.colours.items() if kind == b"cICP" or header.icc is None}
    found = colour.from_png(stated)
    return dataclasses.replace(
        header,
        icc=None if found else header.icc,
        colour=found,
        png_colours=stated if found or b"cICP" in stated else {},
        exif=parts.exif,
        xmp=parts.xmp or header.xmp,
        density=parts.density,
    )


def _tiff(blob: Blob, header: Header) -> Header:
    directories = Directories(blob)
    density = ifd.density_of(directories.entries(directories.first))
    return dataclasses.replace(header, density=density, exif=tiff_exif.exif_of(blob))


def _bmp(blob: Blob, header: Header) -> Header:
    icc = bmp_colour.profile_of(blob)
    header = dataclasses.replace(header, icc=icc, density=bmp_colour.density_of(blob))
    return header if icc is None or is_profile(icc) else _without_profile(header)


def _avif(blob: Blob, header: Header) -> Header:
    try:
        exif = next((item.data for item in boxes.exif_items(blob)), None)
    except DamagedHeader:
        exif = None
    return dataclasses.replace(_heif(blob, header), exif=exif)


def _heif(blob: Blob, header: Header) -> Header:
    return header if header.icc is not None else dataclasses.replace(header, colour=heif_colour.colour_of(blob))


_READERS: dict[str, Callable[[Blob, Header], Header]] = {
    "jpeg": _jpeg,
    "png": _png,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _avif,
    "heic": _heif,
}
