"""TGA (Truevision TGA File Format Specification 2.0): palettes, colour and gray, plain and with run lengths."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader, damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.channels import has_alpha
from filterfleet.worker.pixels.image import Image

HEAD = 18  # bytes of the header
_LAYOUT = "<BBBHHBHHHHBB"
_PALETTE, _COLOUR, _GRAY, _RUNS = 1, 2, 3, 8  # image types; the last is added to one of the others
_DEPTHS = {_PALETTE: (8,), _COLOUR: (15, 16, 24, 32), _GRAY: (8, 16)}  # bits of a pixel
_ENTRIES = (15, 16, 24, 32)  # bits of a colour in a palette
_ALPHA_BITS, _FROM_RIGHT, _FROM_TOP, _INTERLEAVED = 0x0F, 0x10, 0x20, 0xC0  # in the descriptor
_LONGEST_RUN = 128  # pixels in a packet of run lengths


@dataclass(frozen=True, slots=True)
class _Layout:
    """first, colours, entry: the number of the first colour of the palette, how many there are, and the bits of each.
    pixels: where they start.
    """

    kind: int
    packed: bool
    first: int
    colours: int
    entry: int
    width: int
    height: int
    depth: int
    descriptor: int
    pixels: int

    @property
    def each(self) -> int:
        """Bytes of a pixel."""
        return (self.depth + 7) // 8

    @property
    def palette(self) -> int:
        """Bytes of the palette, which ends where the pixels start."""
        return self.colours * ((self.entry + 7) // 8)

    @property
    def alpha(self) -> bool:
        """Whether the file says that its pixels have alpha. Without that, the fourth byte of a pixel means nothing."""
        return bool(self.descriptor & _ALPHA_BITS)


def is_plausible(head: bytes) -> bool:
    """Whether a file that begins so can be a TGA, which has no signature: its fields do not contradict each other."""
    return _layout(head) is not None


def header(blob: Blob) -> Header:
    """Raises DamagedHeader."""
    layout = _known(blob)
    count = layout.width * layout.height
    least = -(-count // _LONGEST_RUN) * (1 + layout.each) if layout.packed else count * layout.each
    if len(blob) < layout.pixels + least:
        raise DamagedHeader
    bands = (1 if layout.kind == _GRAY else 3) + layout.alpha
    return Header("tga", layout.width, layout.height, bands=bands, alpha=layout.alpha)


def decode(blob: Blob) -> Image:
    """8 bits. Samples of 5 bits are spread over 0 to 255, and a single bit of alpha is 0 or 255. Alpha that is 0
    everywhere is dropped: many programs fill the byte with zeros. Raises ImageError.
    """
    layout = _known(blob)
    count = layout.width * layout.height
    data = bytes(read(blob, 0, layout.pixels + count * (layout.each + 1)))  # as many as the worst run lengths take
    samples = _unpacked(data, layout.pixels, count, layout.each) if layout.packed else data[layout.pixels :]
    if len(samples) < count * layout.each:
        raise damaged("tga")
    stored = np.frombuffer(samples, np.uint8, count * layout.each).reshape(layout.height, layout.width, layout.each)
    if layout.kind == _PALETTE:
        image = _table(data, layout)[stored[:, :, 0]]
    elif layout.kind == _GRAY:
        image = stored if layout.alpha and layout.each == 2 else stored[:, :, 0]
    else:
        image = _colours(stored, layout.depth, alpha=layout.alpha)
    if has_alpha(image) and not image[:, :, -1].any():
        image = image[:, :, :3] if image.shape[2] == 4 else image[:, :, 0]
    image = image if layout.descriptor & _FROM_TOP else image[::-1]
    return np.ascontiguousarray(image[:, ::-1] if layout.descriptor & _FROM_RIGHT else image)


def _known(blob: Blob) -> _Layout:
    layout = _layout(bytes(read(blob, 0, HEAD)))
    if layout is None:
        raise DamagedHeader
    return layout


def _layout(head: bytes) -> _Layout | None:
    """None if a field has a value that no TGA has."""
    if len(head) < HEAD:
        return None
    id_length, mapped, image_type, first, colours, entry, _, _, width, height, depth, descriptor = struct.unpack(
        _LAYOUT, head[:HEAD]
    )
    kind = image_type & ~_RUNS
    if depth not in _DEPTHS.get(kind, ()) or descriptor & _INTERLEAVED or descriptor & _ALPHA_BITS > 8:
        return None
    if mapped not in (0, 1) or (mapped and entry not in _ENTRIES) or (kind == _PALETTE and not (mapped and colours)):
        return None
    if not mapped and (first, colours) != (0, 0):
        return None
    behind = HEAD + id_length + colours * ((entry + 7) // 8) * mapped
    packed = bool(image_type & _RUNS)
    return _Layout(kind, packed, first, colours, entry, width, height, depth, descriptor, behind)


def _unpacked(data: bytes, at: int, count: int, each: int) -> bytearray:
    """count pixels of run lengths; fewer if the file ends before."""
    pixels = bytearray()
    needed, end = count * each, len(data)
    while len(pixels) < needed and at < end:
        number = data[at]
        at += 1
        if number < _LONGEST_RUN:
            size = (number + 1) * each
            pixels += data[at : at + size]
            at += size
        else:
            pixels += data[at : at + each] * (number - _LONGEST_RUN + 1)
            at += each
    del pixels[needed:]
    return pixels


def _table(data: bytes, layout: _Layout) -> Image:
    """(256, 3) or (256, 4); entries that the file leaves out are black."""
    each = (layout.entry + 7) // 8
    stored = data[layout.pixels - layout.palette : layout.pixels]
    found = _colours(np.frombuffer(stored, np.uint8).reshape(1, -1, each), layout.entry, alpha=layout.alpha)[0]
    table = np.zeros((256, found.shape[1]), np.uint8)
    used = found[: max(256 - layout.first, 0)]
    table[layout.first : layout.first + len(used)] = used
    return table


def _colours(stored: NDArray[np.uint8], depth: int, *, alpha: bool) -> Image:
    """BGR or BGRA of (height, width, bytes of a pixel)."""
    if depth in (24, 32):
        return stored[:, :, : 4 if alpha and depth == 32 else 3]
    values = stored[:, :, 0].astype(np.uint16) | stored[:, :, 1].astype(np.uint16) << np.uint16(8)
    fives = [values >> np.uint16(shift) & np.uint16(31) for shift in (0, 5, 10)]
    channels = [((five * np.uint16(255) + np.uint16(15)) // np.uint16(31)).astype(np.uint8) for five in fives]
    if alpha and depth == 16:
        channels.append(np.where(values >> np.uint16(15), np.uint8(255), np.uint8(0)))
    return np.dstack(channels)
