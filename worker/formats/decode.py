"""Image files to arrays."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import simplejpeg

from filterfleet.common.blob import Blob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.header import damaged as damaged_file
from filterfleet.worker.formats.header import open_heic
from filterfleet.worker.formats.lazy import from_rgb, open_pixels, to_array
from filterfleet.worker.formats.orientation import upright
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import MAX_PIXELS, cv2
from filterfleet.worker.pixels.vips import pyvips

MAX_SCANS = 100  # of a progressive JPEG: encoders write about ten, and each takes the time of a whole image

_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")  # with a length, or EOI; restarts and escapes belong to a scan


def decode(blob: Blob, header: Header, damaged: Damaged = Damaged.REFUSE) -> Image:
    """The whole image, upright. header is the file's own. Raises ImageError.

    8 or 16 bits, gray, colour and alpha are as the file has them: palettes and CMYK become colour, 1 to 7 bits 8,
    and 9 to 15 bits 16. With Damaged.ACCEPT a file that ends early or is spoiled inside is decoded as far as its
    decoder can (JPEG, PNG, TIFF, GIF); what is missing is gray, black or transparent.
    """
    if header.pixels > MAX_PIXELS:
        raise ImageError(f"The image has more than {MAX_PIXELS // 1_000_000} megapixels.")
    decoder = _by_vips if header.cmyk else _DECODERS[header.format]
    image = decoder(blob, header, damaged)
    if image.shape[:2] != (header.height, header.width):
        raise damaged_file(header.format)
    return upright(image, header.orientation)


def _jpeg(blob: Blob, header: Header, damaged: Damaged) -> Image:
    data = whole(blob)
    if not header.bounded and _scans(data) > MAX_SCANS:
        raise ImageError(f"The JPEG file has more than {MAX_SCANS} scans.")
    colours = "GRAY" if header.bands == 1 else "BGR"
    try:
        image: Image = simplejpeg.decode_jpeg(data, colours, strict=damaged is Damaged.REFUSE)
    except ValueError:
        raise damaged_file("jpeg") from None
    return image[:, :, 0] if header.bands == 1 else image


def _scans(data: Payload) -> int:
    """How many scans there are before the end of the image; it stops counting where they are too many."""
    at, count = 2, 0
    while count <= MAX_SCANS and (found := _MARKER.search(data, at)):
        marker = found[0][1]
        if marker == 0xD9:  # EOI: what follows, a film for instance, is no part of the image
            break
        count += marker == 0xDA
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")  # past the segment
    return count


def _by_vips(blob: Blob, header: Header, damaged: Damaged) -> Image:
    disk: list[OSError] = []
    try:
        image = open_pixels(blob, header, damaged, disk)
        if (image.width, image.height) != (header.width, header.height):
            raise damaged_file(header.format)
        samples = image.write_to_memory()
        if disk:  # which a decoder that accepts damage has taken for the end of the file
            raise disk[0]
        return to_array(samples, image)
    except pyvips.Error as error:
        if disk:
            raise disk[0] from None
        if "out of memory" in str(error):
            raise MemoryError from None
        raise damaged_file(header.format) from None


def _by_opencv(blob: Blob, header: Header, _: Damaged) -> Image:
    flags = cv2.IMREAD_UNCHANGED  # with depth and alpha, and without orientation
    try:
        image = cv2.imdecode(np.frombuffer(whole(blob), np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        image = None
    if image is None:
        raise damaged_file(header.format)
    return image


def _heic(blob: Blob, _: Header, __: Damaged) -> Image:
    heif = open_heic(blob)
    try:
        image = np.asarray(heif)
        if image.dtype == np.uint16:  # the upper bits of which are the file's: white is to stay white
            image = image | (image >> heif.info["bit_depth"])
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - it has no error of its own, and raises many
        raise damaged_file("heic") from None
    return from_rgb(image.reshape(*image.shape[:2], -1))


_DECODERS: dict[str, Callable[[Blob, Header, Damaged], Image]] = {
    "jpeg": _jpeg,
    "png": _by_vips,
    "tiff": _by_vips,
    "avif": _by_vips,
    "gif": _by_vips,
    "webp": _by_opencv,  # twice as fast as through libvips
    "bmp": _by_opencv,
    "jp2": _by_opencv,
    "heic": _heic,
}
