"""HEIC, by the optional package pillow_heif. libvips' wheel has no decoder for it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from filterfleet.common.blob import Blob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.extensions import needs_extra
from filterfleet.worker.formats.avif import divided_by_alpha, limited_gray, spread_gray
from filterfleet.worker.formats.damage import damaged
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.facts import Header, only
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.depth import spread_to_16_bits
from filterfleet.worker.pixels.image import Image


def header(blob: Blob) -> Header:
    """Holds the file in memory, not its pixels. Raises ImageError."""
    heif, number, count = _opened(blob)
    info = heif.info
    bands = len(heif.mode.split(";")[0])
    exif = (info.get("exif") or b"").removeprefix(PREFIX)
    width, height = heif.size
    several = only("picture", number, count)
    return Header(
        "heic",
        width,
        height,
        bands=bands,
        bits=16 if info.get("bit_depth", 8) > 8 else 8,
        alpha=heif.has_alpha,
        icc=info.get("icc_profile") or None,
        exif=exif or None,
        xmp=info.get("xmp") or None,
        notes=(several,) if several else (),
    )


def decode(blob: Blob) -> Image:
    """The primary image. Raises ImageError."""
    heif, _, _ = _opened(blob)
    try:
        stored = np.asarray(heif)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pillow_heif has no error class of its own, and raises many
        raise damaged("heic") from None
    samples = stored.reshape(*stored.shape[:2], -1)
    return divided_by_alpha(from_rgb_order(_in_full_range(samples, heif, limited=limited_gray(blob))), blob)


def _in_full_range(samples: Image, heif: Any, *, limited: bool) -> Image:
    """Samples of 10 and 12 bits stand in the upper bits of 16."""
    spread = samples if samples.dtype == np.uint8 else spread_to_16_bits(samples, heif.info["bit_depth"])
    if not limited:
        return spread
    colours = samples.shape[2] - int(heif.has_alpha)
    return np.dstack([spread_gray(samples[:, :, :colours]), spread[:, :, colours:]])


def _opened(blob: Blob) -> tuple[Any, int, int]:
    """The primary image as a lazy pillow_heif.HeifImage, which of the file's pictures it is, and how many there are."""
    try:
        import pillow_heif  # an optional package
    except ImportError:
        raise ImageError(needs_extra("heic")) from None
    try:
        file = pillow_heif.open_heif(io.BytesIO(whole(blob)), convert_hdr_to_8bit=False)
        return file[file.primary_index], file.primary_index + 1, len(file)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pillow_heif has no error class of its own, and raises many
        raise damaged("heic") from None
