"""From the first bytes of an image file to its Header."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

from filterfleet.common.blob import Blob, whole
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import containers
from filterfleet.worker.formats.containers import MAX_METADATA, DamagedHeader
from filterfleet.worker.formats.exif import orientation_of
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.sniff import sniff
from filterfleet.worker.pixels.vips import open_image, pyvips

MAX_SIDE = 65_535  # pixels; libraries count in 16 bits beyond

# Pixels that a byte of a file can stand for at most: deflate makes 1,032 bytes of one; a JPEG block of 64 takes a bit,
# with chroma that serves four of them less; a row of a fax that is like the one above takes a bit.
_MOST_PIXELS = {"png": 8 * 1032, "jpeg": 8 * 4 * 64, "tiff": 8 * MAX_SIDE}

_SUPPORTED = {"uchar": 8, "ushort": 16}
_LAB = ("lab", "labq", "labs")


def read_header(blob: Blob) -> Header:
    """What the file says of itself, without decoding a pixel. Little memory and time, whatever it says; of HEIC the
    file itself is held. Raises ImageError, and OSError."""
    image_format = sniff(blob)
    try:
        header = _READERS.get(image_format, _by_vips)(blob, image_format)
    except (DamagedHeader, pyvips.Error) as error:
        if "out of memory" in str(error):
            raise MemoryError from None
        raise damaged(image_format) from None
    if header.width < 1 or header.height < 1:
        raise ImageError(f"The {image_format.upper()} file holds an image of no size.")
    if max(header.width, header.height) > MAX_SIDE:
        raise ImageError(f"The image is {header.width} x {header.height}; sides go up to {MAX_SIDE} pixels.")
    if header.pixels > _MOST_PIXELS.get(image_format, header.pixels) * len(blob):
        raise damaged(image_format)  # before a decoder fills in what is missing, for minutes
    return dataclasses.replace(header, orientation=_orientation(header))


def damaged(image_format: str) -> ImageError:
    if image_format == "tiff":  # of which there are too many kinds to tell
        return ImageError("The TIFF file is damaged, cut short or of a kind that cannot be read.")
    return ImageError(f"The {image_format.upper()} file is damaged or cut short.")


def _orientation(header: Header) -> int:
    if header.format in ("jpeg", "png", "webp"):
        return orientation_of(header.exif)
    return header.orientation if 1 <= header.orientation <= 8 else 1


def _by_vips(blob: Blob, image_format: str) -> Header:
    disk: list[OSError] = []
    try:
        image = open_image(blob, image_format, fail_on="none", disk=disk)
    except pyvips.Error:
        if disk:
            raise disk[0] from None
        raise
    fields = frozenset(image.get_fields())
    cmyk = image.interpretation == "cmyk"
    bits = 16 if image.interpretation == "labs" else 8 if image.interpretation in _LAB else _SUPPORTED.get(image.format)
    if bits is None:
        kind = f"{image_format.upper()} file has {image.format} samples"
        raise ImageError(f"The {kind}; integers of up to 16 bits are read.")
    bands = image.bands - 1 if cmyk else image.bands  # it becomes RGB
    if not 1 <= bands <= 4:
        raise ImageError(f"The {image_format.upper()} file has {image.bands} samples a pixel; up to 4 are read.")
    exif = _field(image, fields, "exif-data")
    return Header(
        image_format,
        image.width,
        image.height,
        bands=bands,
        bits=bits,
        alpha=bands in (2, 4),
        orientation=image.get("orientation") if "orientation" in fields else 1,
        bounded=_bounded(image, fields, image_format),
        cmyk=cmyk,
        icc=_field(image, fields, "icc-profile-data"),
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=_field(image, fields, "xmp-data"),
    )


def _field(image: Any, fields: frozenset[str], name: str) -> bytes | None:
    if name not in fields:
        return None
    value = image.get(name)
    return bytes(value) if 0 < len(value) <= MAX_METADATA else None


def _bounded(image: Any, fields: frozenset[str], image_format: str) -> bool:
    """libvips reads a TIFF strip line by line when it is large, and refuses tiles that are."""
    if image_format == "jpeg":
        return not ("jpeg-multiscan" in fields and image.get("jpeg-multiscan"))
    return image_format == "tiff" or (image_format == "png" and "interlaced" not in fields)


def _heic(blob: Blob, image_format: str) -> Header:
    heif = open_heic(blob)
    bits = 16 if heif.info.get("bit_depth", 8) > 8 else 8
    bands = len(heif.mode.split(";")[0])
    exif = (heif.info.get("exif") or b"").removeprefix(b"Exif\0\0")
    width, height = heif.size
    return Header(
        image_format,
        width,
        height,
        bands=bands,
        bits=bits,
        alpha=heif.has_alpha,
        icc=heif.info.get("icc_profile") or None,
        exif=exif or None,
        xmp=heif.info.get("xmp") or None,
    )


def open_heic(blob: Blob) -> Any:
    """The primary image, lazy, as a pillow_heif.HeifImage. Raises ImageError, also when that library is not there."""
    try:
        import pillow_heif
    except ImportError:
        raise ImageError("HEIC files need an extra library: pip install 'filterfleet[heic]'.") from None
    try:
        file = pillow_heif.open_heif(io.BytesIO(whole(blob)), convert_hdr_to_8bit=False)
        return file[file.primary_index]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - it has no error of its own, and raises many
        raise damaged("heic") from None


def _by_hand(read: Callable[[Blob], Header]) -> Callable[[Blob, str], Header]:
    return lambda blob, _: read(blob)


_READERS: dict[str, Callable[[Blob, str], Header]] = {
    "webp": _by_hand(containers.webp),
    "gif": _by_hand(containers.gif),
    "bmp": _by_hand(containers.bmp),
    "jp2": _by_hand(containers.jp2),
    "heic": _heic,
}

__all__ = ["MAX_SIDE", "Header", "damaged", "open_heic", "read_header"]
