"""From the first bytes of an image file to its Header."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from filterfleet.common.blob import Blob
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import (
    bmp,
    containers,
    gif,
    heic,
    ico,
    jp2,
    jpeg_plain,
    jxl,
    pnm,
    psd,
    raw,
    tga,
    tiff_chunks,
)
from filterfleet.worker.formats.damage import DamagedHeader, damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.faults import told
from filterfleet.worker.formats.limits import (
    FAX_ROWS_PER_BYTE,
    LEFT_OUT,
    LONGEST_READ,
    LONGEST_READ_ELSEWHERE,
    MAX_METADATA,
    MOST_PIXELS_PER_BYTE,
)
from filterfleet.worker.formats.pages import with_pages
from filterfleet.worker.formats.sniff import sniff
from filterfleet.worker.formats.statements import completed, with_statements
from filterfleet.worker.formats.tiff import ORIENTATION, Kind, page_of
from filterfleet.worker.formats.tiff_pixels import header_of, open_tiff
from filterfleet.worker.formats.unparsed import without_metadata
from filterfleet.worker.formats.unread import check_jpeg
from filterfleet.worker.pixels.orientation import orientation_of
from filterfleet.worker.pixels.vips import open_image, out_of_memory, pyvips

_BITS = {"uchar": 8, "ushort": 16}
_KINDS = {
    "char": "signed 8-bit",
    "short": "signed 16-bit",
    "int": "signed 32-bit",
    "uint": "32-bit",
    "float": "floating-point",
    "double": "floating-point",
}
_LAB = ("lab", "labq", "labs")  # CIELAB as libvips has it, which becomes RGB


def read_header(blob: Blob) -> Header:
    """What the file says of itself. No pixel is decoded, and memory and time are small whatever the file says; only a
    HEIC file is held in memory as it is.

    Raises ImageError for a file that is not an image, is damaged or too large, MemoryError, and OSError.
    """
    image_format = sniff(blob)
    try:
        with told(image_format):
            header = _stated(blob, image_format)
    except pyvips.Error as error:
        if out_of_memory(error):
            raise MemoryError from None
        raise damaged(image_format) from None
    except DamagedHeader:
        raise damaged(image_format) from None
    if header.width < 1 or header.height < 1:
        raise ImageError(f"The {image_format.upper()} file claims a size of {header.width} x {header.height} pixels.")
    longest = LONGEST_READ.get(image_format, LONGEST_READ_ELSEWHERE)
    if max(header.width, header.height) > longest:
        size = f"{header.width} x {header.height}"
        raise ImageError(
            f"The image is {size} pixels; a side of a {image_format.upper()} file may have at most {longest}."
        )
    if header.pixels > _most_pixels(header, len(blob)):
        raise _too_short(header, len(blob))
    orientation = _orientation(header)
    return header if orientation == header.orientation else dataclasses.replace(header, orientation=orientation)


def _stated(blob: Blob, image_format: str) -> Header:
    """The header with what the file states besides its pixels."""
    if image_format == "jpeg" and (plain := jpeg_plain.header_of(blob)):
        return completed(plain)
    return with_pages(blob, with_statements(blob, _READERS[image_format](blob)))


def _most_pixels(header: Header, length: int) -> int:
    """How many pixels a file of length bytes can hold."""
    ratio = MOST_PIXELS_PER_BYTE.get(header.format)
    if ratio is None:
        return header.pixels
    if header.format == "tiff":
        ratio = max(ratio, FAX_ROWS_PER_BYTE * header.width)
    return ratio * length + LEFT_OUT.get(header.format, 0)


def _too_short(header: Header, length: int) -> ImageError:
    if header.format not in LEFT_OUT:
        return damaged(header.format)
    size = f"{header.width} x {header.height}"
    return ImageError(f"The {header.format.upper()} file claims {size} pixels, far too many for its {length} bytes.")


def _orientation(header: Header) -> int:
    if header.format in ("jpeg", "png", "webp"):
        return orientation_of(header.exif)
    return header.orientation if 1 <= header.orientation <= 8 else 1


def _by_vips(image_format: str) -> Callable[[Blob], Header]:
    def read(blob: Blob) -> Header:
        disk: list[OSError] = []
        try:
            image = open_image(without_metadata(blob, image_format), image_format, fail_on="none", disk=disk)
        except pyvips.Error:
            if disk:
                raise disk[0] from None
            raise
        return _header_of(image, image_format)

    return read


def _jpeg(blob: Blob) -> Header:
    check_jpeg(blob)
    return _by_vips("jpeg")(blob)


def _tiff(blob: Blob) -> Header:
    page = page_of(blob)
    if page is not None and page.kind in (Kind.LAB, Kind.PACKED):
        header = header_of(page)
        if not 1 <= header.bands <= 4:
            raise _too_many("TIFF", page.samples)
        return header
    disk: list[OSError] = []
    try:
        if page is None or page.kind is Kind.PLANES:
            image = open_image(blob, "tiff", fail_on="none", disk=disk, page=page.number if page else 0)
            image = image.extract_band(0, n=image.bands - page.spare) if page and page.spare else image
        else:
            image = open_tiff(blob, page, fail_on="none", disk=disk)
    except pyvips.Error:
        if disk:
            raise disk[0] from None
        raise
    header = _header_of(image, "tiff")
    if page is None or page.kind in (Kind.PLAIN, Kind.YCBCR):
        return dataclasses.replace(header, bounded=True, decoding=tiff_chunks.held(page, header, len(blob)))
    return dataclasses.replace(header, bounded=False, orientation=page.directory.value(ORIENTATION, 1))


def _header_of(image: Any, image_format: str) -> Header:
    """The header of a pyvips.Image."""
    cmyk = image.interpretation == "cmyk"
    bands = image.bands - 1 if cmyk else image.bands  # it becomes RGB
    bits = _bits(image)
    if bits is None:
        kind = _KINDS.get(image.format, "complex")
        only = "only unsigned integers of up to 16 bits can be read"
        raise ImageError(f"The {image_format.upper()} file has {kind} samples; {only}.")
    if not 1 <= bands <= 4:
        raise _too_many(image_format.upper(), image.bands)
    return Header(
        image_format,
        image.width,
        image.height,
        bands=bands,
        bits=bits,
        alpha=bands in (2, 4),
        orientation=image.get("orientation") if _has(image, "orientation") else 1,
        bounded=_bounded(image, image_format),
        cmyk=cmyk,
        icc=_field(image, "icc-profile-data"),
        xmp=_field(image, "xmp-data"),
    )


def _too_many(name: str, samples: int) -> ImageError:
    return ImageError(f"The {name} file has {samples} samples per pixel; at most 4 can be read.")


def _bits(image: Any) -> int | None:
    """Bits per sample once decoded; None for samples that are not read."""
    if image.interpretation in _LAB:
        return 16 if image.interpretation == "labs" else 8
    return _BITS.get(image.format)


def _has(image: Any, name: str) -> bool:
    """Not by a list of all names: a PNG's comments are among them, and need not be UTF-8."""
    return bool(image.get_typeof(name))


def _field(image: Any, name: str) -> bytes | None:
    if not _has(image, name):
        return None
    value = image.get(name)
    return bytes(value) if 0 < len(value) <= MAX_METADATA else None


def _bounded(image: Any, image_format: str) -> bool:
    """Any TIFF is bounded: libvips reads a large strip line by line, and refuses large tiles."""
    if image_format == "jpeg":
        return not (_has(image, "jpeg-multiscan") and image.get("jpeg-multiscan"))
    return image_format == "tiff" or (image_format == "png" and not _has(image, "interlaced"))


_READERS: dict[str, Callable[[Blob], Header]] = {
    "jpeg": _jpeg,
    "png": _by_vips("png"),
    "tiff": _tiff,
    "avif": _by_vips("avif"),
    "webp": containers.webp,
    "gif": gif.header,
    "bmp": bmp.header,
    "jp2": jp2.header,
    "heic": heic.header,
    "jxl": jxl.header,
    "pnm": pnm.header,
    "raw": raw.header,
    "ico": ico.header,
    "psd": psd.header,
    "tga": tga.header,
}
