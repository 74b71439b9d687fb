"""Cameras' raw files (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2), by the optional package rawpy, which is LibRaw."""

from __future__ import annotations

import io
import struct
from typing import Any

from filterfleet.common.blob import Blob, read, whole
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.image import Image

_ORIENTATION = {3: 3, 5: 8, 6: 6}  # as in EXIF, for LibRaw's flip
_SRGB = (2.4, 12.92)  # the power and the slope of sRGB's tone curve
_MAKE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 0x010F, 0x0106, 0x014A, 0xC612
_SENSOR = (32803, 34892)  # PhotometricInterpretation of a sensor's samples: a mosaic, or one that has been interpolated
_ENTRIES = 1000  # of a directory that are looked at, as in MAX_EXIF_ENTRIES


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


def is_raw(blob: Blob) -> bool:
    """Whether a file that begins like a TIFF is a raw file: it says that it is a DNG, or it names a camera, and one of
    its first images has a sensor's samples. Raises OSError.
    """
    order = "<" if bytes(read(blob, 0, 2)) == b"II" else ">"
    try:
        (at,) = struct.unpack(f"{order}4xI", read(blob, 0, 8))
        first = _directory(blob, order, at)
        if _DNG_VERSION in first:
            return True
        if _MAKE not in first:
            return False
        count, value = first.get(_SUB_IFDS, (0, 0))
        places = [value] if count == 1 else struct.unpack(f"{order}8I", read(blob, value, 32))[:count]
        images = [first, *(_directory(blob, order, place) for place in places if count)]
    except struct.error:
        return False
    return any(
        (image.get(_PHOTOMETRIC, (0, 0))[1] >> (16 if order == ">" else 0)) & 0xFFFF in _SENSOR for image in images
    )


def _directory(blob: Blob, order: str, at: int) -> dict[int, tuple[int, int]]:
    """Count and value of each tag of a TIFF's directory; a short value is in the half of the four bytes that comes
    first. Raises struct.error."""
    (count,) = struct.unpack(f"{order}H", read(blob, at, 2))
    data = read(blob, at + 2, 12 * min(count, _ENTRIES))
    return {tag: (number, value) for tag, _, number, value in struct.iter_unpack(f"{order}HHII", data)}


def _opened(blob: Blob) -> Any:
    """A rawpy.RawPy that has not unpacked any pixel."""
    try:
        import rawpy  # an optional package
    except ImportError:
        raise ImageError("RAW files need an extra library: pip install 'filterfleet[raw]'.") from None
    try:
        return rawpy.imread(io.BytesIO(whole(blob)))
    except rawpy.LibRawError as error:
        raise _unreadable(rawpy, error) from None


def _unreadable(rawpy: Any, error: Exception) -> Exception:
    if isinstance(error, getattr(rawpy, "LibRawUnsufficientMemoryError", ())):
        return MemoryError()
    return ImageError("The RAW file is damaged, cut short or of a camera that LibRaw does not know.")
