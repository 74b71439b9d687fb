"""The colours that the boxes of a JPEG 2000 file state (ISO 15444-1, I.5.3.3, and ISO 15444-2, M.11.7.3) and their way
to RGB. OpenCV passes samples on as they are, or converts them wrongly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import cielab
from filterfleet.worker.formats.limits import MAX_METADATA
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image

SRGB, SYCC, LAB = 16, 18, 14  # enumerated colour spaces
_UNREAD = {
    1: "YCbCr of video",
    3: "YCbCr of video",
    4: "YCbCr of video",
    9: "PhotoYCC",
    11: "CMY",
    12: "CMYK",
    13: "YCCK",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM RGB",
    22: "YPbCr of video",
    23: "YPbCr of video",
    24: "e-sYCC",
}
_ENUMERATED, _RESTRICTED, _ANY = 1, 2, 3  # methods of a colour box
_ROWS = 256  # whose samples are in float32 at once
_Samples = NDArray[np.float32]  # (height, width, 3)
_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Stated:
    """space: an enumerated colour space, 0 if there is none. at: the offset of its number in the file. ranges: of L*,
    a* and b*, each the range and the offset. icc: a profile.
    """

    space: int = 0
    at: int = 0
    ranges: tuple[int, ...] = ()
    icc: bytes | None = None


NOTHING_STATED = Stated()


def stated(blob: Blob, start: int, stop: int) -> Stated:
    """What a colour box says whose content lies there. Raises ImageError for colours that cannot be read."""
    head = bytes(read(blob, start, min(stop - start, 31)))
    method = head[0] if head else 0
    if method in (_RESTRICTED, _ANY):
        length = stop - start - 3
        return Stated(icc=(bytes(read(blob, start + 3, length)) if 0 < length <= MAX_METADATA else b"") or None)
    if method != _ENUMERATED or len(head) < 7:
        return NOTHING_STATED
    space = int.from_bytes(head[3:7], "big")
    if space in _UNREAD:
        raise ImageError(f"The JP2 file has colours of the kind {_UNREAD[space]}, which cannot be read.")
    ranges = struct.unpack(">6I", head[7:31]) if space == LAB and len(head) == 31 else ()
    return Stated(space, start + 3, ranges)


def to_rgb(image: Image, colours: Stated, bits: int) -> Image:
    """The image with its first three components, which stand in the order of BGR, in RGB. bits is their depth in the
    file; they have been spread over 8 or 16.
    """
    convert = _CONVERTERS.get(colours.space)
    if convert is None or image.ndim == 2 or image.shape[2] < 3:
        return image
    result = image.copy()
    top_level = np.iinfo(image.dtype).max
    for top in range(0, len(image), _ROWS):
        rows = slice(top, top + _ROWS)
        components: _Samples = (image[rows, :, 2::-1] / top_level).astype(np.float32)
        rgb = convert(components, colours, (1 << bits) - 1)
        result[rows, :, 2::-1] = nearest_levels(rgb * np.float32(top_level), image.dtype)
    return result


def _from_sycc(components: _Samples, _: Stated, white: int) -> _Samples:
    """From samples of 0 to 1; white is the largest number in the file."""
    half = (white + 1) / 2 / white
    rgb: _Samples = ((components - np.array([0, half, half])) @ _TO_RGB.T).astype(np.float32)
    return rgb


def _from_lab(components: _Samples, colours: Stated, white: int) -> _Samples:
    n = white.bit_length()
    usual = (100, 0, 170, 1 << n - 1, 200, (1 << n - 2) + (1 << n - 3))
    ranges = colours.ranges or usual
    span, zero = np.array(ranges[::2]), np.array(ranges[1::2])
    return cielab.rgb_of(((components - zero / white) * span).astype(np.float32))


_CONVERTERS: dict[int, Callable[[_Samples, Stated, int], _Samples]] = {SYCC: _from_sycc, LAB: _from_lab}
