"""JPEG XL (ISO 18181), by the optional package pillow_jxl, which is libjxl. The size comes from our own reader: the
package decodes every pixel before it says how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterfleet.common.blob import Blob, read, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.extensions import needs_extra
from filterfleet.worker.formats.damage import DamagedHeader, damaged, too_many
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.lazy import to_vips, whole_array
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS
from filterfleet.worker.formats.unparsed import without_metadata
from filterfleet.worker.pixels.channels import channels_of, from_rgb_order
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.orientation import upright
from filterfleet.worker.pixels.vips import pyvips

BEGINNING = 64  # bytes of a codestream in which everything lies that we read
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height
_SRGB = re.compile(rb"(?:RGB|Gra)_D65_(?:SRG_)?(?:Per|Rel|Sat|Abs)_SRG")  # how libjxl describes the profile it makes
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}


@dataclass(frozen=True, slots=True)
class _Facts:
    """As the codestream says: pixels before orientation is applied, and bits of each sample."""

    width: int
    height: int
    orientation: int
    bits: int
    animated: bool


def header(blob: Blob) -> Header:
    """The decoder turns the picture. Whether it has alpha or is gray lies further in, so there are four bands at most.
    Colour is decoded in 8 bits, gray in up to 16. Raises ImageError and DamagedHeader.
    """
    _library()
    facts = _facts(blob)
    sides = (facts.width, facts.height)
    width, height = sides if facts.orientation <= 4 else sides[::-1]
    exif, xmp = None, None
    if not _is_bare(blob):
        for kind, start, length in _boxes(blob):
            if kind == b"Exif" and length <= MAX_METADATA:
                exif = _tiff(bytes(read(blob, start, length)))
            elif kind == b"xml " and length <= MAX_METADATA:
                xmp = bytes(read(blob, start, length)) or None
    return Header("jxl", width, height, bands=4, alpha=True, bits=16 if facts.bits > 8 else 8, exif=exif, xmp=xmp)


def _tiff(box: bytes) -> bytes | None:
    """What an Exif box holds: an offset, and from there on a TIFF structure. Some programs leave the offset out."""
    if box[:4] in (b"II*\0", b"MM\0*"):
        return box
    return box[4 + int.from_bytes(box[:4], "big") :] or None


def is_animated(blob: Blob) -> bool:
    """Whether the file has frames that follow each other. Raises DamagedHeader."""
    return _facts(blob).animated


def decode(blob: Blob) -> Image:
    """The picture, of an animation the last frame, upright, in sRGB: other colours are converted. Raises ImageError and
    MemoryError.
    """
    data = bytes(whole(blob))
    try:
        is_jpeg, info, samples, profile, _ = _library().Decoder(num_threads=1)(data)
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - a panic of the package's Rust code is no Exception
        raise damaged("jxl") from None
    if is_jpeg:
        return _from_jpeg(samples, _facts(blob).orientation)
    if info.mode not in _CHANNELS:
        raise ImageError("The JXL file has floating-point gray samples; only integers of up to 16 bits can be read.")
    kind = np.uint16 if info.mode == "I;16" else np.uint8
    image = from_rgb_order(np.frombuffer(samples, kind).reshape(info.height, info.width, _CHANNELS[info.mode]))
    return image if not profile or _SRGB.search(profile.replace(b"\0", b"")) else _converted(image, profile)


def _from_jpeg(data: bytes, orientation: int) -> Image:
    """From a JPEG that was packed into a JPEG XL file, and comes out of it as it was."""
    try:
        image = pyvips.Image.jpegload_buffer(whole(without_metadata(data, "jpeg")), fail_on="warning")
        if "icc-profile-data" in image.get_fields():
            image = image.icc_transform("srgb", embedded=True)
        return upright(whole_array(image), orientation)
    except pyvips.Error:
        raise damaged("jxl") from None


def _converted(image: Image, profile: bytes) -> Image:
    colours = to_vips(image).copy()
    colours.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        colours = colours.icc_transform("srgb", embedded=True, depth=8 * image.itemsize)
        converted = whole_array(colours)
    except pyvips.Error:
        raise ImageError("The JXL file has a colour profile that cannot be used.") from None
    match channels_of(image):
        case 1:
            return np.ascontiguousarray(converted[:, :, 0])
        case 2:
            return np.ascontiguousarray(converted[:, :, [0, 3]])
        case _:
            return converted


def _library() -> Any:
    try:
        import pillow_jxl  # an optional package
    except ImportError:
        raise ImageError(needs_extra("jxl")) from None
    return pillow_jxl


# --- the container (ISO 18181-2) ----


def _is_bare(blob: Blob) -> bool:
    """Whether the file is a codestream without a container."""
    return bytes(read(blob, 0, 2)) == b"\xff\x0a"


def _boxes(blob: Blob) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box, and where its content starts and how long it is. Raises DamagedHeader."""
    at, end = 0, len(blob)
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        head = bytes(read(blob, at, 16))
        length, kind, start = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), at + 16
        stop = end if length == 0 else at + length
        if stop < start:
            raise DamagedHeader
        yield kind, start, min(stop, end) - start
        at = stop
    raise too_many("boxes")


def _beginning(blob: Blob) -> bytes:
    """Of the codestream, which a container may hold in parts."""
    if _is_bare(blob):
        return bytes(read(blob, 0, BEGINNING))
    found = b""
    for kind, start, length in _boxes(blob):
        skipped = {b"jxlc": 0, b"jxlp": 4}.get(kind)  # a part begins with its number
        if skipped is not None and length > skipped:
            found += bytes(read(blob, start + skipped, min(length - skipped, BEGINNING)))
        if kind == b"jxlc" or len(found) >= BEGINNING:
            break
    return found


# --- the codestream (ISO 18181-1, annex D) ----


class _Bits:
    """Numbers, each with its lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Raises DamagedHeader at the end."""
        if count > self._left:
            raise DamagedHeader
        found = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return found

    def u32(self, *choices: tuple[int, int]) -> int:
        """Two bits choose one of four: a number to add, and how many bits follow."""
        base, count = choices[self.take(2)]
        return base + self.take(count)


def _facts(blob: Blob) -> _Facts:
    """SizeHeader, and ImageMetadata as far as the depth of samples. Raises DamagedHeader."""
    data = _beginning(blob)
    if data[:2] != b"\xff\x0a":
        raise DamagedHeader
    bits = _Bits(data[2:])
    width, height = _size(bits)
    orientation, depth, animated = 1, 8, False
    if not bits.take(1):  # not all values are the usual ones
        if bits.take(1):
            orientation = 1 + bits.take(3)
            animated = _skip_extras(bits)
        is_float = bits.take(1)
        usual = (32, 16, 24) if is_float else (8, 10, 12)
        depth = bits.u32(*((each, 0) for each in usual), (1, 6))
    return _Facts(width, height, orientation, depth, animated)


def _size(bits: _Bits) -> tuple[int, int]:
    """Width and height in pixels."""
    small = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.u32((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    times, parts = _RATIOS[bits.take(3)]
    return (height * times // parts or side()), height


def _skip_extras(bits: _Bits) -> bool:
    """The size it is meant to be shown at, a preview's size, and how an animation runs. Returns whether it is one."""
    if bits.take(1):
        _size(bits)
    if bits.take(1):
        eighths = bits.take(1)

        def side() -> int:
            return bits.u32(
                *(((16, 0), (32, 0), (1, 5), (33, 9)) if eighths else ((1, 6), (65, 8), (321, 10), (1345, 12)))
            )

        side()
        if not bits.take(3):
            side()
    animated = bool(bits.take(1))
    if animated:
        bits.u32((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.u32((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.u32((0, 0), (0, 3), (0, 16), (0, 32))
        bits.take(1)
    return animated
