"""Arrays to image files."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import MAX_EFFORT
from filterfleet.worker.filters.registry import to_8_bits
from filterfleet.worker.formats.chunks import (
    PNG_SIGNATURE,
    png_chunk,
    with_jpeg_segments,
    with_png_chunks,
    with_webp_chunks,
)
from filterfleet.worker.formats.lazy import to_rgb
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips

_ROWS = 256  # at a time, where samples need 32 bits for a moment
_COLOUR_ONLY = ("webp", "avif")  # gray becomes colour, of which a gray profile says nothing


@dataclass(frozen=True, slots=True)
class Target:
    """How to store an image. quality (1 to 100) is that of JPEG, WebP and AVIF; effort goes from 0 (fast) to 9 (small),
    and None leaves it to the format."""

    format: str
    quality: int = 90
    effort: int | None = None


def encode(image: Image, target: Target, carried: Carried = NOTHING, *, bilevel: bool = False) -> bytes:
    """The image's file, the same bytes every time. Raises ImageError if the image is too large for the format.

    16 bits stay in PNG, TIFF and AVIF (which has 12) and become 8 elsewhere. Alpha stays but in JPEG, where the image
    is laid over white. A profile goes along only where it is one of such pixels, gray or colour. bilevel, for an
    image of 0 and 255 only, stores one bit a pixel where it can.
    """
    image = np.ascontiguousarray(image)
    gray = image.ndim == 2 or image.shape[2] < 3
    carried = fitting_to(carried, gray=gray)
    if gray and target.format in _COLOUR_ONLY:
        carried = dataclasses.replace(carried, icc=None)
    try:
        if bilevel and target.format == "png" and image.ndim == 2:
            return with_png_chunks(encode_bilevel_png(image), carried)
        return _ENCODERS[target.format](image, target, carried)
    except (cv2.error, pyvips.Error) as error:
        if getattr(error, "code", None) == cv2.Error.StsNoMem or "out of memory" in str(error):
            raise MemoryError from None
        height, width = image.shape[:2]
        raise ImageError(f"A {width} x {height} image cannot be stored as {target.format.upper()}.") from None


def over_white(image: Image) -> Image:
    """Without alpha: what is transparent shows white paper behind it."""
    if image.ndim == 2 or image.shape[2] not in (2, 4):
        return image
    top = np.iinfo(image.dtype).max
    laid = np.empty_like(image[:, :, :-1], order="C")
    for start in range(0, image.shape[0], _ROWS):
        rows = image[start : start + _ROWS].astype(np.uint32)
        colours, alpha = rows[:, :, :-1], rows[:, :, -1:]
        laid[start : start + _ROWS] = (colours * alpha + top * (top - alpha) + top // 2) // top
    return laid[:, :, 0] if laid.shape[2] == 1 else laid


def _jpeg(image: Image, target: Target, carried: Carried) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, target.quality]
    if target.effort is not None and target.effort > MAX_EFFORT // 2:
        options += [cv2.IMWRITE_JPEG_OPTIMIZE, 1]  # Huffman tables of its own
    return with_jpeg_segments(_by_opencv(".jpg", over_white(to_8_bits(image)), options), carried)


def _png(image: Image, target: Target, carried: Carried) -> bytes:
    if image.ndim == 3 and image.shape[2] == 2:  # which OpenCV does not write
        level = 6 if target.effort is None else target.effort
        return with_png_chunks(bytes(to_rgb(image).pngsave_buffer(compression=level, keep="none")), carried)
    # Any level, even the default one, makes OpenCV choose filters that take three times as long.
    options = [] if target.effort is None else [cv2.IMWRITE_PNG_COMPRESSION, target.effort]
    return with_png_chunks(_by_opencv(".png", image, options), carried)


def _webp(image: Image, target: Target, carried: Carried) -> bytes:
    effort = 4 if target.effort is None else target.effort * 6 // MAX_EFFORT  # libwebp's method
    file = to_rgb(to_8_bits(image)).webpsave_buffer(Q=target.quality, effort=effort, keep="none")
    return with_webp_chunks(bytes(file), carried, image.shape[1], image.shape[0])


def _avif(image: Image, target: Target, carried: Carried) -> bytes:
    """libvips rewrites EXIF, and adds to it what the standard demands."""
    effort = 1 if target.effort is None else target.effort * 2 // 3  # 9 less libaom's speed; more takes minutes
    lazy, keep = _with_metadata(image, carried)
    depth = 12 if image.dtype == np.uint16 else 8
    return bytes(lazy.heifsave_buffer(compression="av1", Q=target.quality, effort=effort, bitdepth=depth, keep=keep))


def _tiff(image: Image, target: Target, carried: Carried) -> bytes:
    """Deflate with differences of neighbours. Without EXIF, whose parts would have to be spread over other tags."""
    lazy, keep = _with_metadata(image, dataclasses.replace(carried, exif=None))
    level = 6 if target.effort is None else max(1, target.effort)
    return bytes(lazy.tiffsave_buffer(compression="deflate", predictor="horizontal", level=level, keep=keep))


def _bmp(image: Image, _: Target, __: Carried) -> bytes:
    image = to_8_bits(image)
    if image.ndim == 3 and image.shape[2] == 2:
        image = cv2.merge([image[:, :, 0]] * 3 + [image[:, :, 1]])
    return _by_opencv(".bmp", image, [])


def _with_metadata(image: Image, carried: Carried) -> tuple[pyvips.Image, str]:
    """The image with what it carries, and libvips' name for that."""
    lazy = to_rgb(image).copy()
    exif = None if carried.exif is None else b"Exif\0\0" + carried.exif
    fields = {"icc": ("icc-profile-data", carried.icc), "exif": ("exif-data", exif), "xmp": ("xmp-data", carried.xmp)}
    kept = {name: field for name, field in fields.items() if field[1] is not None}
    for field, data in kept.values():
        lazy.set_type(pyvips.GValue.blob_type, field, data)
    return lazy, "|".join(kept) or "none"


def _by_opencv(extension: str, image: Image, options: list[int]) -> bytes:
    encoded, buffer = cv2.imencode(extension, image, options)
    if not encoded:
        raise cv2.error("not encoded")
    return buffer.tobytes()


_ENCODERS: dict[str, Callable[[Image, Target, Carried], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
    "tiff": _tiff,
    "bmp": _bmp,
}


def encode_bilevel_png(image: Image) -> bytes:
    """PNG (ISO 15948), grayscale with bit depth 1, from (h, w) of 0 and 255.

    Deflate with the run-length strategy suits the long runs of an edge map: about three times faster than
    OpenCV's own bilevel encoder, and smaller.
    """
    height, width = image.shape
    rows = np.zeros((height, 1 + (width + 7) // 8), np.uint8)  # each row after a filter byte, 0 = none
    rows[:, 1:] = np.packbits(image, axis=1)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = deflate.compress(rows.tobytes()) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
