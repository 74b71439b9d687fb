"""Image files to arrays."""

from __future__ import annotations

from collections.abc import Callable

from filterfleet.common.blob import Blob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import avif, bmp, gif, heic, ico, jp2, jpeg, jxl, pnm, psd, raw, tga
from filterfleet.worker.formats.damage import damaged as damaged_file
from filterfleet.worker.formats.damage import damaged_pixels
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.faults import told
from filterfleet.worker.formats.imdecode import by_opencv
from filterfleet.worker.formats.jpeg_parts import without_profile
from filterfleet.worker.formats.lazy import open_pixels, whole_array
from filterfleet.worker.formats.statements import BROKEN_PROFILE
from filterfleet.worker.pixels import vips
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.orientation import upright
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.settings import MAX_PIXELS

_LEAST_WEBP = 32  # bytes, below which OpenCV does not look at a WebP; libwebp ignores what follows the image


def decode(blob: Blob, header: Header, damaged: Damaged = Damaged.REFUSE) -> Image:
    """The whole image, upright. header must be the one that read_header returned for the blob.

    8 or 16 bits, gray, colour and alpha are as in the file: palettes and CMYK become colour, 1 to 7 bits become 8, and
    9 to 15 bits become 16. With Damaged.ACCEPT, a JPEG, PNG, TIFF or GIF that ends early or is spoiled inside is
    decoded as far as its decoder can; the missing part is gray, black or transparent. Raises ImageError for damage and
    for more than MAX_PIXELS, MemoryError, and OSError.
    """
    if header.pixels > MAX_PIXELS:
        raise ImageError(f"The image has more than {MAX_PIXELS // 1_000_000} megapixels.")
    decoder = _by_vips if header.cmyk else _DECODERS[header.format]
    with told(header.format):
        image = decoder(blob, header, damaged)
    if image.shape[:2] != (header.height, header.width):
        raise damaged_file(header.format)
    return upright(image, header.orientation)


def _jpeg(blob: Blob, header: Header, damaged: Damaged) -> Image:
    data = without_profile(whole(blob)) if BROKEN_PROFILE in header.notes else whole(blob)
    image = jpeg.decode(data, header, damaged)
    return _by_vips(blob, header, damaged) if image is None else image


def _by_vips(blob: Blob, header: Header, damaged: Damaged) -> Image:
    disk: list[OSError] = []
    try:
        image = open_pixels(blob, header, damaged, disk)
        if header.format == "gif" and image.width >= header.width and image.height >= header.height:
            image = image.crop(0, 0, header.width, header.height)  # a later frame may reach beyond the first
        if (image.width, image.height) != (header.width, header.height):
            raise damaged_file(header.format)
        decoded = whole_array(image)
        if disk:  # a decoder that accepts damage has taken it for the end of the file
            raise disk[0]
        return decoded
    except pyvips.Error as error:
        if disk:
            raise disk[0] from None
        if vips.out_of_memory(error):
            raise MemoryError from None
        raise damaged_pixels(header.format, damaged) from None


def _avif(blob: Blob, header: Header, damaged: Damaged) -> Image:
    return avif.divided_by_alpha(_by_vips(blob, header, damaged), blob)


def _gif(blob: Blob, header: Header, damaged: Damaged) -> Image:
    return gif.on_its_canvas(_by_vips(blob, header, damaged), blob)


def _webp(blob: Blob, _: Header, __: Damaged) -> Image:
    data = whole(blob)
    if len(data) < _LEAST_WEBP:
        data = bytes(data) + bytes(_LEAST_WEBP - len(data))
    return by_opencv(data, cv2.IMREAD_UNCHANGED, "webp")  # depth and alpha as they are


def _bmp(blob: Blob, _: Header, __: Damaged) -> Image:
    return bmp.decode(blob)


def _jp2(blob: Blob, _: Header, __: Damaged) -> Image:
    return jp2.decode(blob)


def _heic(blob: Blob, _: Header, __: Damaged) -> Image:
    return heic.decode(blob)


_DECODERS: dict[str, Callable[[Blob, Header, Damaged], Image]] = {
    "jpeg": _jpeg,
    "png": _by_vips,
    "tiff": _by_vips,
    "avif": _avif,
    "gif": _gif,
    "webp": _webp,  # twice as fast as libvips
    "bmp": _bmp,
    "jp2": _jp2,
    "heic": _heic,
    "jxl": lambda blob, _, __: jxl.decode(blob),
    "pnm": lambda blob, _, __: pnm.decode(blob),
    "raw": lambda blob, _, __: raw.decode(blob),
    "ico": lambda blob, _, __: ico.decode(blob),
    "psd": lambda blob, _, __: psd.decode(blob),
    "tga": lambda blob, _, __: tga.decode(blob),
}
