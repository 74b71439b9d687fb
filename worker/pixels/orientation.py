"""EXIF orientation: which way up a picture is."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.settings import MAX_EXIF_ENTRIES

ORIENTATION = 0x0112  # the tag
EXIF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # the order of bytes, as struct names it, by how EXIF begins
_SHORT, _LONG = 3, 4  # kinds of values

_TURNS: dict[int, Callable[[Image], Image]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(image: Image, orientation: int) -> Image:
    """The picture as it should be seen, given as it is stored with that orientation (EXIF 2.32, tag 0x0112, 1 to 8).
    Other values turn nothing.
    """
    return np.ascontiguousarray(_TURNS[orientation](image)) if orientation in _TURNS else image


def orientation_of(exif: bytes | None) -> int:
    """1 to 8; 1 if there is none, or none that can be understood. Nothing else in the EXIF has to be right, because a
    picture must be upright even if a field about its lens is broken.
    """
    order = EXIF_ORDERS.get(exif[:4]) if exif else None
    if exif is None or order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for index in range(min(count, MAX_EXIF_ENTRIES)):
            at = start + 2 + 12 * index
            tag, kind = struct.unpack_from(order + "HH", exif, at)
            if tag == ORIENTATION and kind in (_SHORT, _LONG):  # the standard has short, and some writers long
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), exif, at + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
