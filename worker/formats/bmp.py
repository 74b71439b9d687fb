"""BMP: Windows and OS/2 headers, 1 to 32 bits a pixel, palettes, bit masks, and run lengths.

OpenCV and libvips read only some of these, and give wrong colours for others. The layouts are in Microsoft's "Bitmap
Storage" and in the header of IBM's OS/2 2.0; where these leave something open, this reads what the good images of
Jason Summers' bmpsuite expect.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import Blob, read, whole
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.bmp_runs import unpacked
from filterfleet.worker.formats.damage import DamagedHeader, damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.pixels.image import Image

_FILE_HEADER = 14  # bytes before the header that describes the pixels
_CORE = 12  # size of the header of OS/2 1.x and Windows 2
_SIZES = (_CORE, 16, 40, 52, 56, 64, 108, 124)
_WITH_MASKS, _WITH_ALPHA = 52, 56  # headers of at least these sizes hold three masks, or four
_OS2 = 64  # a header of OS/2 2.0, in which the bytes of the masks mean something else

_RGB, _RLE8, _RLE4, _MASKS, _ALPHA_MASKS = 0, 1, 2, 3, 6
_UNREAD = {4: "a JPEG file inside", 5: "a PNG file inside", 11: "CMYK colours", 12: "CMYK colours", 13: "CMYK colours"}
_UNREAD_OS2 = {3: "Huffman compression", 4: "24-bit run lengths"}
_BITS = {_RGB: (1, 2, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _MASKS: (16, 24, 32), _ALPHA_MASKS: (16, 24, 32)}
_USUAL_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 24: (0xFF0000, 0xFF00, 0xFF, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}

_BAND = 256  # rows whose masked samples, of 32 bits each, are in memory at once


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the pixels are stored.

    upwards: the first row stored is the bottom one.
    masks: the bits of red, green, blue and alpha in a pixel; an alpha of 0 means that there is none.
    palette: where the colours start in the file, and the bytes that each takes.
    colours: how many colours the palette has.
    """

    width: int
    height: int
    upwards: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]
    palette: tuple[int, int]
    colours: int
    pixels: int

    @property
    def stride(self) -> int:
        """Bytes of a row that is not compressed; its end is filled up to four bytes."""
        return (self.width * self.bits + 31) // 32 * 4


def header(blob: Blob) -> Header:
    """Gray palettes are announced as colour, since the palette is not looked at. Raises DamagedHeader, and ImageError
    for a kind of BMP that is not read.
    """
    layout = _layout(blob)
    alpha = bool(layout.masks[3])
    plain = layout.compression not in (_RLE4, _RLE8)
    if plain and layout.height and len(blob) < layout.pixels + layout.stride * (layout.height - 1):
        raise DamagedHeader
    return Header("bmp", layout.width, layout.height, bands=4 if alpha else 3, alpha=alpha)


def decode(blob: Blob) -> Image:
    """8 bits: gray if all colours of a palette are gray, else colour, with alpha if the header has a mask for it.

    Samples of other depths are spread over 0 to 255, and rounded to the nearest level. A pixel that has no entry in the
    palette, or that run lengths leave out, gets the first colour or black. Raises ImageError.
    """
    layout = _layout(blob)
    data = np.frombuffer(whole(blob), np.uint8)
    if layout.bits <= 8:
        image = _colours(blob, layout)[_indices(data, layout)]
    else:
        image = _true_colour(_rows(data, layout), layout)
    return np.ascontiguousarray(image[::-1] if layout.upwards else image)


def _layout(blob: Blob) -> _Layout:
    (pixels,) = _unpack("<I", blob, 10)
    (size,) = _unpack("<I", blob, _FILE_HEADER)
    if size not in _SIZES:
        raise DamagedHeader
    colours = compression = 0
    if size == _CORE:
        width, height, _, bits = _unpack("<HHHH", blob, 18)
    else:
        width, height, _, bits = _unpack("<iiHH", blob, 18)
    if size > 16:
        compression, _, _, _, colours = _unpack("<IIiiI", blob, 30)
    _check(size, bits, compression)
    if width < 0:
        raise DamagedHeader
    masks, behind = _masks(blob, size, bits, compression)
    start = _FILE_HEADER + size + behind
    entry = 3 if size == _CORE else 4
    most = 1 << bits if bits <= 8 else 0
    return _Layout(
        width,
        abs(height),
        height >= 0,
        bits,
        compression,
        masks,
        (start, entry),
        min(colours or most, most, max(pixels - start, 0) // entry),
        pixels,
    )


def _check(size: int, bits: int, compression: int) -> None:
    """Raises ImageError for a kind of BMP that is not read."""
    kind = (_UNREAD_OS2 if size == _OS2 else _UNREAD).get(compression)
    if kind:
        raise ImageError(f"The BMP file has {kind}, which cannot be read.")
    if bits == 64:
        raise ImageError("The BMP file has 64 bits per pixel, which cannot be read.")
    if bits not in _BITS.get(compression, ()):
        raise DamagedHeader


def _masks(blob: Blob, size: int, bits: int, compression: int) -> tuple[tuple[int, int, int, int], int]:
    """The masks, and how many bytes of them follow the header. Raises ImageError for a mask with gaps."""
    if compression not in (_MASKS, _ALPHA_MASKS):
        return _USUAL_MASKS.get(bits, (0, 0, 0, 0)), 0
    inside = size >= _WITH_MASKS and size != _OS2
    count = 4 if compression == _ALPHA_MASKS or (inside and size >= _WITH_ALPHA) else 3
    red, green, blue, alpha = (*_unpack(f"<{count}I", blob, 54), 0)[:4]
    for mask in (red, green, blue, alpha):
        shifted = mask // (mask & -mask) if mask else 0
        if shifted & (shifted + 1) or mask >> bits:
            raise ImageError("The BMP file has bit masks with gaps, which cannot be read.")
    return (red, green, blue, alpha), 0 if inside else 4 * count


def _colours(blob: Blob, layout: _Layout) -> Image:
    """The palette: (256,) gray or (256, 3) BGR; entries that the file leaves out are black."""
    start, entry = layout.palette
    stored = np.frombuffer(read(blob, start, layout.colours * entry), np.uint8)
    table = np.zeros((256, 3), np.uint8)
    table[: len(stored) // entry] = stored[: len(stored) // entry * entry].reshape(-1, entry)[:, :3]
    gray = bool((table[:, :1] == table).all())
    return table[:, 0] if gray else table


def _indices(data: NDArray[np.uint8], layout: _Layout) -> NDArray[np.uint8]:
    """The entry of each pixel, as rows are stored."""
    if layout.compression in (_RLE4, _RLE8):
        return unpacked(data[layout.pixels :].data, layout.width, layout.height, layout.bits)
    rows = _rows(data, layout)
    if layout.bits == 8:
        return rows[:, : layout.width]
    each = 8 // layout.bits
    split = np.empty((*rows.shape, each), np.uint8)
    for place in range(each):  # the leftmost pixel is in the highest bits
        split[:, :, place] = rows >> (8 - layout.bits * (place + 1)) & ((1 << layout.bits) - 1)
    return split.reshape(layout.height, -1)[:, : layout.width]


def _rows(data: NDArray[np.uint8], layout: _Layout) -> NDArray[np.uint8]:
    """(height, stride) bytes that are not compressed. The last row may lack the bytes that fill it up."""
    size = layout.stride * layout.height
    stored = data[layout.pixels : layout.pixels + size]
    needed = size - layout.stride + (layout.width * layout.bits + 7) // 8
    if len(stored) < needed:
        raise damaged("bmp")
    if len(stored) < size:
        stored = np.concatenate([stored, np.zeros(size - len(stored), np.uint8)])
    return stored.reshape(layout.height, layout.stride)


def _true_colour(rows: NDArray[np.uint8], layout: _Layout) -> Image:
    each = layout.bits // 8
    stored = rows[:, : layout.width * each].reshape(layout.height, layout.width, each)
    red, green, blue, alpha = layout.masks
    wanted = (blue, green, red, alpha) if alpha else (blue, green, red)
    if all(mask == 0xFF << 8 * place for place, mask in enumerate(wanted)):  # the usual order, which is ours
        return stored[:, :, : len(wanted)]
    image = np.empty((layout.height, layout.width, len(wanted)), np.uint8)
    if all(mask == 0xFF << (shift := _shift(mask)) and shift % 8 == 0 for mask in wanted):
        for channel, mask in enumerate(wanted):
            image[:, :, channel] = stored[:, :, _shift(mask) // 8]
        return image
    for top in range(0, layout.height, _BAND):
        band = stored[top : top + _BAND]
        pixels = np.zeros(band.shape[:2], np.uint32)
        for place in range(each):
            pixels |= band[:, :, place].astype(np.uint32) << np.uint32(8 * place)
        for channel, mask in enumerate(wanted):
            image[top : top + _BAND, :, channel] = _spread(pixels, mask)
    return image


def _spread(pixels: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """The masked bits, spread over 0 to 255 and rounded. Without a mask the sample is 0."""
    if not mask:
        return np.zeros(pixels.shape, np.uint8)
    shift = _shift(mask)
    top = mask >> shift
    samples = (pixels >> np.uint32(shift) & np.uint32(top)).astype(np.uint64)
    return ((samples * 255 + top // 2) // top).astype(np.uint8)


def _shift(mask: int) -> int:
    return max((mask & -mask).bit_length() - 1, 0)


def _unpack(layout: str, blob: Blob, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
