"""Arrays to image files."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from filterfleet.common.blob import whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.output_options import IIIF
from filterfleet.common.jobs.recipe import MAX_EFFORT
from filterfleet.worker.formats.bilevel import encode_bilevel_png
from filterfleet.worker.formats.bmp_colour import with_statements
from filterfleet.worker.formats.chunks import with_jpeg_segments, with_png_chunks, with_webp_chunks
from filterfleet.worker.formats.deepzoom import DeepZoom
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.iiif import Iiif
from filterfleet.worker.formats.lazy import to_vips
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to, stating
from filterfleet.worker.formats.target import Target
from filterfleet.worker.formats.tiff_exif import with_entries
from filterfleet.worker.formats.tiles import Layout, Tiles
from filterfleet.worker.pixels import opencv, vips
from filterfleet.worker.pixels.channels import channels_of, over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips

_COLOUR_ONLY = ("webp", "avif")  # gray becomes colour, which a gray profile does not describe

_WITH_QUALITY = ("jpeg", "webp", "avif")

_SAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}

_USUAL_DENSITY = 72 / 0.0254  # pixels per metre: what EXIF has to say of a density that is unknown (EXIF 2.32, 4.6.4)


def encode(image: Image, target: Target, carried: Carried = NOTHING, *, bilevel: bool = False) -> bytes:
    """The image's file, the same bytes every time. bilevel, for an image of only 0 and 255, stores one bit a pixel
    where the format can.

    16 bits stay in PNG, TIFF and AVIF (which has 12) and become 8 elsewhere. Alpha stays, except in JPEG, where the
    image is laid over white. A profile goes along only if it describes such pixels, gray or colour. With
    max_bytes, the file has the best quality, up to that of the target, with which it is that small. Raises ImageError
    if the image is too large for the format, or the file at the lowest quality; and MemoryError.
    """
    image = np.ascontiguousarray(image)
    carried = _fitting(stating(carried, target.options.dpi), target, gray=channels_of(image) < 3)
    file = _encoded(image, target, carried, bilevel=bilevel)
    most = target.options.max_bytes
    return file if most is None or len(file) <= most else _within(most, image, target, carried)


def _within(most: int, image: Image, target: Target, carried: Carried) -> bytes:
    """A file of at most this many bytes, which it has not with the quality of the target: by bisection, for which it is
    enough that some quality fits and a higher one does not."""
    if target.format not in _WITH_QUALITY:
        raise ImageError(f"The file has more than {most} bytes, and {target.format.upper()} has no quality to lower.")
    low, high = 1, target.quality
    fits = _encoded(image, dataclasses.replace(target, quality=low), carried)
    if len(fits) > most:
        raise ImageError(
            f"The file has {len(fits)} bytes even at the lowest quality, and may have {most}: make the image smaller "
            "first, or max_bytes larger."
        )
    while high - low > 1:
        middle = (low + high) // 2
        file = _encoded(image, dataclasses.replace(target, quality=middle), carried)
        if len(file) <= most:
            low, fits = middle, file
        else:
            high = middle
    return fits


def _encoded(image: Image, target: Target, carried: Carried, *, bilevel: bool = False) -> bytes:
    try:
        if bilevel and target.format == "png" and image.ndim == 2:
            return with_png_chunks(encode_bilevel_png(image), carried)
        return _ENCODERS[target.format](image, target, carried)
    except cv2.error as error:
        if opencv.out_of_memory(error):
            raise MemoryError from None
        raise _too_large(image, target) from None
    except pyvips.Error as error:
        if vips.out_of_memory(error):
            raise MemoryError from None
        raise _too_large(image, target) from None


def _fitting(carried: Carried, target: Target, *, gray: bool) -> Carried:
    fitted = fitting_to(carried, gray=gray)
    if not gray or target.format not in _COLOUR_ONLY:
        return fitted
    # Gray in equal parts of red, green and blue: a profile for colour still holds, where gray needs one at all.
    holds = fitted.icc is not None and fitted.icc is not carried.icc
    return dataclasses.replace(carried, icc=carried.icc if holds else None)


def _too_large(image: Image, target: Target) -> ImageError:
    height, width = image.shape[:2]
    return ImageError(f"A {width} x {height} image cannot be stored as {target.format.upper()}.")


def _jpeg(image: Image, target: Target, carried: Carried) -> bytes:
    options = jpeg_options(target)
    if target.options.progressive:
        options += [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    if target.effort is not None and target.effort > MAX_EFFORT // 2:
        options += [cv2.IMWRITE_JPEG_OPTIMIZE, 1]  # Huffman tables made for this image
    return with_jpeg_segments(_by_opencv(".jpg", over_white(to_8_bits(image)), options), carried)


def jpeg_options(target: Target) -> list[int]:
    """For cv2.imencode: the quality, and how densely colour is stored."""
    options: list[int] = [cv2.IMWRITE_JPEG_QUALITY, target.quality]
    if target.options.chroma is not None:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[target.options.chroma]]
    return options


def _png(image: Image, target: Target, carried: Carried) -> bytes:
    if channels_of(image) == 2:  # OpenCV does not write gray and alpha
        level = 6 if target.effort is None else target.effort
        return with_png_chunks(bytes(to_vips(image).pngsave_buffer(compression=level, keep="none")), carried)
    # With any level, even its default, OpenCV chooses filters that take three times as long.
    options = [] if target.effort is None else [cv2.IMWRITE_PNG_COMPRESSION, target.effort]
    return with_png_chunks(_by_opencv(".png", image, options), carried)


def _webp(image: Image, target: Target, carried: Carried) -> bytes:
    effort = 4 if target.effort is None else target.effort * 6 // MAX_EFFORT  # libwebp's method
    # exact: colours that nobody can see are samples as well.
    how = {"lossless": True, "exact": True} if target.options.lossless else {"Q": target.quality}
    file = to_vips(to_8_bits(image)).webpsave_buffer(**how, effort=effort, keep="none")
    return with_webp_chunks(bytes(file), carried, image.shape[1], image.shape[0])


def _avif(image: Image, target: Target, carried: Carried) -> bytes:
    """libvips rewrites EXIF and adds the tags that the standard demands."""
    effort = 1 if target.effort is None else target.effort * 2 // 3  # at most 6: 7 to 9 take minutes
    lazy, keep = _with_metadata(image, carried)
    depth = 12 if image.dtype == np.uint16 else 8
    how: dict[str, Any] = {"lossless": True} if target.options.lossless else {"Q": target.quality}
    if target.options.chroma is not None:
        how["subsample_mode"] = "on" if target.options.chroma == "4:2:0" else "off"
    return bytes(lazy.heifsave_buffer(compression="av1", **how, effort=effort, bitdepth=depth, keep=keep))


def _tiff(image: Image, target: Target, carried: Carried) -> bytes:
    """Deflate of the differences between neighbours. libvips writes no EXIF, and a density even where there is none."""
    lazy, keep = _with_metadata(image, dataclasses.replace(carried, exif=None))
    level = 6 if target.effort is None else max(1, target.effort)
    file = bytes(lazy.tiffsave_buffer(compression="deflate", predictor="horizontal", level=level, keep=keep))
    return with_entries(file, carried.exif, carried.density)


def open_tiles(width: int, height: int, target: Target) -> Tiles:
    """The tiles of an image of this size: JPEG, or PNG if nothing may be lost. Raises OSError."""
    kind = dataclasses.replace(target, format="png" if target.options.lossless else "jpeg")
    layout: Layout
    if target.format == IIIF:
        layout = Iiif(width, height, target.options.id, target.source)
    else:
        layout = DeepZoom(width, height, kind.format)
    return Tiles(width, height, layout, lambda tile: encode(tile, kind), opaque=kind.format == "jpeg")


def _tiled(image: Image, target: Target, _: Carried) -> bytes:
    with contextlib.closing(open_tiles(image.shape[1], image.shape[0], target)) as tiles:
        tiles.put(tiles.prepared(image))
        return bytes(whole(tiles.finish()))


def _bmp(image: Image, _: Target, carried: Carried) -> bytes:
    image = to_8_bits(image)
    if channels_of(image) == 2:
        gray, image = image, np.empty((*image.shape[:2], 4), np.uint8)
        image[:, :, :3], image[:, :, 3] = gray[:, :, :1], gray[:, :, 1]
    return with_statements(_by_opencv(".bmp", image, []), carried.icc, carried.density)


def _with_metadata(image: Image, carried: Carried) -> tuple[pyvips.Image, str]:
    """The image with the metadata, and the names by which libvips keeps it."""
    across, down = carried.density or (_USUAL_DENSITY, _USUAL_DENSITY)
    lazy = to_vips(image).copy(xres=across / 1000, yres=down / 1000)  # libvips writes them into EXIF
    exif = None if carried.exif is None else PREFIX + carried.exif
    fields = {"icc": ("icc-profile-data", carried.icc), "exif": ("exif-data", exif), "xmp": ("xmp-data", carried.xmp)}
    kept = {name: field for name, field in fields.items() if field[1] is not None}
    for field, data in kept.values():
        lazy.set_type(pyvips.GValue.blob_type, field, data)
    return lazy, "|".join(kept) or "none"


def _by_opencv(extension: str, image: Image, options: list[int]) -> memoryview:
    encoded, buffer = cv2.imencode(extension, image, options)
    if not encoded:
        raise cv2.error("not encoded")
    return buffer.data


_ENCODERS: dict[str, Callable[[Image, Target, Carried], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
    "tiff": _tiff,
    "bmp": _bmp,
    "szi": _tiled,
    IIIF: _tiled,
}
