"""Pixels through libvips: in the samples we work with, before any of them is decoded, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.blob import Blob
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import avif
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.tiff import page_of
from filterfleet.worker.formats.tiff_pixels import open_tiff
from filterfleet.worker.formats.unparsed import without_metadata
from filterfleet.worker.pixels.channels import channels_of, from_rgb_order, reordered, to_rgb_order
from filterfleet.worker.pixels.depth import spread_to_16_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.vips import open_image, pyvips

# At which message a decoder gives up; "error" for formats that are not listed. A JPEG decoder warns of damage only; a
# TIFF decoder warns of tags it does not know, which is no damage.
_STRICT = {"jpeg": "warning"}


def open_pixels(blob: Blob, header: Header, damaged: Damaged, disk: list[OSError]) -> Any:
    """A pyvips.Image of uchar or ushort samples: gray, gray and alpha, RGB or RGBA, as stored (orientation is not
    applied). Its rows can be read once, from top to bottom. Formats: worker.pixels.vips.READABLE.

    CMYK becomes sRGB by its embedded profile, or by libvips' own CMYK profile if it has none. CIELAB and YCbCr become
    RGB. The 10 or 12 bits of an AVIF, which libvips shifts up, are spread to 16. Raises pyvips.Error, here or where
    pixels are read; disk is as in open_image.
    """
    fail_on = "none" if damaged is Damaged.ACCEPT else _STRICT.get(header.format, "error")
    if header.format == "tiff":
        image = open_tiff(blob, page_of(blob), fail_on=fail_on, disk=disk)
    else:
        image = open_image(without_metadata(blob, header.format), header.format, fail_on=fail_on, disk=disk)
    if header.cmyk:
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=header.bits)
    elif image.interpretation.startswith("lab"):
        image = image.colourspace("rgb16" if header.bits == 16 else "srgb")
    elif header.format == "avif" and avif.limited_gray(blob):
        image = avif.to_full_range(image, image.get("bits-per-sample"))
    elif header.format == "avif" and header.bits == 16:
        image = spread_to_16_bits(image, image.get("bits-per-sample"))
    if image.format not in ("uchar", "ushort"):
        raise pyvips.Error("no integers of 8 or 16 bits")
    return image


def to_array(rows: Any, image: Any) -> Image:
    """An Image from a buffer of full rows of a pyvips.Image that open_pixels returned."""
    samples = np.frombuffer(rows, _dtype(image))
    return from_rgb_order(samples.reshape(-1, image.width, image.bands))


def whole_array(image: Any) -> Image:
    """An Image of all rows of a pyvips.Image that open_pixels returned. Nothing is held twice. Raises pyvips.Error."""
    samples = np.frombuffer(image.write_to_memory(), _dtype(image))
    return reordered(samples.reshape(-1, image.width, image.bands))


def empty_rows(image: Any, count: int) -> Image:
    """An Image for count rows of a pyvips.Image, uninitialised, with the shape that to_array gives them."""
    channels = () if image.bands == 1 else (image.bands,)
    return np.empty((count, image.width, *channels), _dtype(image))


def _dtype(image: Any) -> type[np.uint8 | np.uint16]:
    return np.uint16 if image.format == "ushort" else np.uint8


def to_vips(image: Image) -> Any:
    """The pyvips.Image of an Image."""
    height, width = image.shape[:2]
    bands = channels_of(image)
    deep = image.dtype == np.uint16
    samples = np.ascontiguousarray(to_rgb_order(image))
    lazy = pyvips.Image.new_from_memory(samples, width, height, bands, "ushort" if deep else "uchar")
    kind = ("grey16" if deep else "b-w") if bands < 3 else "rgb16" if deep else "srgb"
    return lazy.copy(interpretation=kind)
