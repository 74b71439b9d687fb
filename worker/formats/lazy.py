"""Pixels through libvips, in the samples we work with, before any of them is decoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.blob import Blob
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import open_image, pyvips

# What makes a decoder give up. A TIFF warns of tags it does not know, which is no damage; a JPEG of damage only.
_STRICT = {"jpeg": "warning"}


def open_pixels(blob: Blob, header: Header, damaged: Damaged, disk: list[OSError]) -> Any:
    """A pyvips.Image as stored (orientation not applied), of uchar or ushort: gray, gray and alpha, RGB or RGBA. To be
    read once, from top to bottom; formats as in worker.pixels.vips.READABLE.

    CMYK becomes sRGB by its embedded profile, or by libvips' own CMYK profile where there is none. AVIF's 10 or 12
    bits, which libvips shifts up, are spread to 16 so that white stays white. Raises pyvips.Error, here or where the
    pixels are asked for; disk is that of open_image.
    """
    fail_on = "none" if damaged is Damaged.ACCEPT else _STRICT.get(header.format, "error")
    image = open_image(blob, header.format, fail_on=fail_on, disk=disk)
    if header.cmyk:
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=header.bits)
    elif image.interpretation.startswith("lab"):
        image = image.colourspace("rgb16" if header.bits == 16 else "srgb")
    elif header.format == "avif" and header.bits == 16:
        image = image | (image >> image.get("bits-per-sample"))
    if image.format not in ("uchar", "ushort"):
        raise pyvips.Error("no integers of 8 or 16 bits")
    return image


def to_array(rows: Any, image: Any) -> Image:
    """An Image of full rows of open_pixels' image, any buffer of them."""
    samples = np.frombuffer(rows, np.uint16 if image.format == "ushort" else np.uint8)
    return from_rgb(samples.reshape(-1, image.width, image.bands))


def empty_rows(image: Any, count: int) -> Image:
    """Room for so many rows of it, as to_array gives them."""
    channels = () if image.bands == 1 else (image.bands,)
    return np.empty((count, image.width, *channels), np.uint16 if image.format == "ushort" else np.uint8)


def from_rgb(image: Image) -> Image:
    """(h, w, 1), (h, w, 2), RGB or RGBA to an Image."""
    match image.shape[2]:
        case 1:
            return image[:, :, 0]
        case 3:
            return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        case 4:
            return cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA)
    return image


def to_rgb(image: Image) -> Any:
    """The pyvips.Image of an Image."""
    match image.shape[2:]:
        case (3,):
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        case (4,):
            image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    height, width = image.shape[:2]
    bands = 1 if image.ndim == 2 else image.shape[2]
    deep = image.dtype == np.uint16
    lazy = pyvips.Image.new_from_memory(
        np.ascontiguousarray(image), width, height, bands, "ushort" if deep else "uchar"
    )
    kind = ("grey16" if deep else "b-w") if bands < 3 else "rgb16" if deep else "srgb"
    return lazy.copy(interpretation=kind)
