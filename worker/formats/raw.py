"""Cameras' raw files (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2), by the optional package rawpy, which is LibRaw."""

from __future__ import annotations

import io
from typing import Any

from filterfleet.common.blob import Blob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.extensions import needs_extra
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.image import Image

_ORIENTATION = {3: 3, 5: 8, 6: 6}  # as in EXIF, for LibRaw's flip
_SRGB = (2.4, 12.92)  # the power and the slope of sRGB's tone curve


def header(blob: Blob) -> Header:
    """Holds the file in memory, not its pixels. Raises ImageError."""
    with _opened(blob) as raw:
        sizes = raw.sizes
        width, height, aspect = sizes.width, sizes.height, sizes.pixel_aspect
        if aspect < 1:  # LibRaw makes such pixels square
            height = int(height / aspect + 0.5)
        elif aspect > 1:
            width = int(width * aspect + 0.5)
        return Header("raw", width, height, bands=3, bits=16, orientation=_ORIENTATION.get(sizes.flip, 1))


def decode(blob: Blob) -> Image:
    """The picture as stored (orientation is not applied), in sRGB, with the camera's white balance and no automatic
    brightening. Raises ImageError and MemoryError.
    """
    import rawpy

    with _opened(blob) as raw:
        try:
            image: Image = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=_SRGB,
                user_flip=0,
            )
        except rawpy.LibRawError as error:
            raise _unreadable(rawpy, error) from None
    return from_rgb_order(image if image.shape[2] == 3 else image[:, :, :1].repeat(3, axis=2))


def _opened(blob: Blob) -> Any:
    """A rawpy.RawPy that has not unpacked any pixel."""
    try:
        import rawpy  # an optional package
    except ImportError:
        raise ImageError(needs_extra("raw")) from None
    try:
        return rawpy.imread(io.BytesIO(whole(blob)))
    except rawpy.LibRawError as error:
        raise _unreadable(rawpy, error) from None


def _unreadable(rawpy: Any, error: Exception) -> Exception:
    if isinstance(error, getattr(rawpy, "LibRawUnsufficientMemoryError", ())):
        return MemoryError()
    return ImageError("The RAW file is damaged, cut short or of a camera that LibRaw does not know.")
