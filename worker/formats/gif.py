"""GIF89a: how the first frame lies on the canvas. libvips decodes it."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.limits import MAX_GIF_BLOCKS
from filterfleet.worker.pixels.image import Image

_EXTENSION, _FRAME = 0x21, 0x2C  # what a block begins with


@dataclass(frozen=True, slots=True)
class _Frame:
    left: int
    top: int
    width: int
    height: int


def header(blob: Blob) -> Header:
    """The size is that of the canvas (the logical screen), or larger if the first frame reaches beyond it. Frames may
    be transparent, so there are four bands. Raises DamagedHeader.
    """
    width, height = _unpack("<HH", blob, 6)
    frame = _first_frame(blob)
    if frame is not None:
        width, height = max(width, frame.left + frame.width), max(height, frame.top + frame.height)
    return Header("gif", width, height, bands=4, alpha=True)


def on_its_canvas(image: Image, blob: Blob) -> Image:
    """The picture that libvips decoded, of colour or colour and alpha: what the first frame leaves free becomes
    transparent. libvips makes it black.
    """
    frame = _first_frame(blob)
    height, width = image.shape[:2]
    if frame is None or ((frame.left, frame.top) == (0, 0) and frame.width >= width and frame.height >= height):
        return image
    inside = slice(frame.top, frame.top + frame.height), slice(frame.left, frame.left + frame.width)
    shown = np.zeros((height, width, 4), image.dtype)
    shown[(*inside, 3)] = 255
    shown[(*inside, slice(image.shape[2]))] = image[inside]
    return shown


def has_several_frames(blob: Blob) -> bool:
    """Whether there is more than one frame. Raises OSError."""
    return len(list(itertools.islice(_frames(blob), 2))) > 1


def _first_frame(blob: Blob) -> _Frame | None:
    """None if the file ends before it, or hides it behind too many blocks."""
    return next(_frames(blob), None)


def _frames(blob: Blob) -> Iterator[_Frame]:
    """Those within the first MAX_GIF_BLOCKS blocks and sub-blocks, up to the end of the file."""
    try:
        (packed,) = _unpack("<B", blob, 10)
        at = 13 + _palette(packed)
        inside = False  # a chain of sub-blocks
        for _ in range(MAX_GIF_BLOCKS):
            (first,) = _unpack("<B", blob, at)
            if inside:
                at += 1 + first
                inside = first > 0
            elif first == _FRAME:
                left, top, width, height, packed = _unpack("<HHHHB", blob, at + 1)
                yield _Frame(left, top, width, height)
                at += 11 + _palette(packed)  # past the least size of codes
                inside = True
            elif first == _EXTENSION:
                at += 2
                inside = True
            else:
                return
    except DamagedHeader:
        return


def _palette(packed: int) -> int:
    """Bytes of a table of colours."""
    return 3 * (2 << (packed & 7)) if packed & 0x80 else 0


def _unpack(layout: str, blob: Blob, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
