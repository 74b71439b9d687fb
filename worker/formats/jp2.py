"""JPEG 2000 (ISO 15444-1), by OpenCV. What OpenCV cannot read of it goes through the optional package Pillow."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterfleet.common.blob import Blob, read, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import DamagedHeader, damaged, too_many
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.imdecode import by_opencv
from filterfleet.worker.formats.jp2_colour import NOTHING_STATED, SRGB, SYCC, Stated, stated, to_rgb
from filterfleet.worker.formats.limits import MAX_PARTS
from filterfleet.worker.pixels.channels import from_rgb_order
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_HOLDING_BOXES = (b"jp2h", b"res ")
_COMPONENTS = 4  # gray or colour, and alpha
_GRAY_COLOURS = 17  # an enumerated colour space
_ANY_DEPTH_GRAY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH


@dataclass(frozen=True, slots=True)
class _Codestream:
    """start, stop: where it lies in the file. bits: of each component. subsampled: some components are smaller."""

    start: int
    stop: int
    width: int
    height: int
    bits: tuple[int, ...]
    subsampled: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """density: pixels per metre, across and down."""

    colours: Stated = NOTHING_STATED
    density: tuple[float, float] | None = None


def header(blob: Blob) -> Header:
    """A file of boxes or a bare codestream. The size is the one in the codestream (SIZ), since that is what will be
    decoded; the boxes around it add the colour profile. Two components are gray and alpha. Raises DamagedHeader, and
    ImageError for a kind of JPEG 2000 that is not read.
    """
    stream, told = _look(blob)
    bands = len(stream.bits)
    return Header(
        "jp2",
        stream.width,
        stream.height,
        bands=bands,
        bits=8 if max(stream.bits) == 8 else 16,
        alpha=bands in (2, 4),
        icc=told.colours.icc,
        density=told.density,
    )


def decode(blob: Blob) -> Image:
    """8 bits, or 16 if any component has more than 8, with the samples of 9 to 15 bits spread so that white stays
    white. Raises ImageError and MemoryError.
    """
    stream, told = _look(blob)
    data = whole(blob)
    if stream.subsampled:
        return _by_pillow(data)
    if len(stream.bits) == 2:
        return _spread(_gray_and_alpha(data[stream.start : stream.stop], stream), stream.bits)
    if told.colours.space == SYCC:  # which OpenCV would convert, wrongly
        at = told.colours.at
        data = b"".join((data[:at], struct.pack(">I", SRGB), data[at + 4 :]))
    image = _spread(by_opencv(data, cv2.IMREAD_UNCHANGED, "jp2"), stream.bits)
    return to_rgb(image, told.colours, stream.bits[0])


def _spread(image: Image, bits: tuple[int, ...]) -> Image:
    """OpenCV leaves samples as they are. bits is in the order of the file; a palette makes colours of one component."""
    channels = image.reshape(*image.shape[:2], -1)
    deepest = 8 * image.itemsize
    if channels.shape[2] != len(bits) or set(bits) == {deepest}:
        return image
    order = (2, 1, 0, 3)[: len(bits)] if len(bits) > 2 else range(len(bits))
    top = (1 << deepest) - 1
    for channel, component in enumerate(order):
        white = (1 << bits[component]) - 1
        levels = (np.arange(top + 1, dtype=np.uint64).clip(max=white) * top + white // 2) // white
        channels[:, :, channel] = levels.astype(image.dtype)[channels[:, :, channel]]
    return image


def _gray_and_alpha(codestream: Payload, stream: _Codestream) -> Image:
    """OpenCV reads only the first component as gray. A channel definition that calls the second one gray makes OpenJPEG
    exchange them.
    """
    sides = struct.pack(">IIHBBBB", stream.height, stream.width, 2, 255, 7, 0, 0)
    colours = _box(b"ihdr", sides) + _box(b"colr", struct.pack(">BBBI", 1, 0, 0, _GRAY_COLOURS))
    exchanged = _box(b"cdef", struct.pack(">7H", 2, 0, 0, 2, 1, 0, 1))
    front = _box(b"jP  ", b"\r\n\x87\n") + _box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    behind = struct.pack(">I4s", 0, b"jp2c") + bytes(codestream)
    planes = [
        by_opencv(front + _box(b"jp2h", described) + behind, _ANY_DEPTH_GRAY, "jp2")
        for described in (colours, colours + exchanged)
    ]
    return np.dstack(planes)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _by_pillow(data: Payload) -> Image:
    try:
        from PIL import Jpeg2KImagePlugin  # an optional package
    except ImportError:
        raise ImageError(
            "JPEG 2000 files with subsampled colours need an extra library: pip install 'filterfleet[heic]'."
        ) from None
    try:
        image = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
        samples = np.asarray(image)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises many kinds of errors for damage
        raise damaged("jp2") from None
    return from_rgb_order(samples.reshape(*samples.shape[:2], -1))


# --- what the file says of itself ----


def _look(blob: Blob) -> tuple[_Codestream, _Told]:
    """The codestream, and what the boxes before it tell; of each kind, the first counts."""
    end = len(blob)
    if bytes(read(blob, 0, 2)) == b"\xff\x4f":
        return _codestream(blob, 0, end), _Told()
    colours: Stated | None = None
    density: dict[bytes, tuple[float, float] | None] = {}
    at = 0
    for _ in range(MAX_PARTS):
        kind, start, at_next = _box_at(blob, at, end)
        if kind == b"jp2c":
            return _codestream(blob, start, at_next), _Told(
                colours or Stated(), density.get(b"resc", density.get(b"resd"))
            )
        if kind == b"colr" and colours is None:
            colours = stated(blob, start, at_next)
        elif kind in (b"resc", b"resd"):
            density.setdefault(kind, _density(blob, start))
        at = start if kind in _HOLDING_BOXES else at_next
    raise too_many("boxes")


def _density(blob: Blob, start: int) -> tuple[float, float] | None:
    """Pixels per metre, across and down (I.5.3.7); None if they make no sense."""
    down, per, across, by, exponent, other = _unpack(">HHHHbb", blob, start)
    if not (down and per and across and by and abs(exponent) < 10 and abs(other) < 10):
        return None
    return across / by * 10.0**other, down / per * 10.0**exponent


def _box_at(blob: Blob, at: int, end: int) -> tuple[bytes, int, int]:
    """The kind of the box at an offset, and where its content starts and ends. end is the end of the file."""
    length, kind = _unpack(">I4s", blob, at)
    start = at + 8
    if length == 1:
        (length,) = _unpack(">Q", blob, start)
        start += 8
    stop = end if length == 0 else at + length
    if not start <= stop:
        raise DamagedHeader
    return kind, start, stop


def _codestream(blob: Blob, start: int, stop: int) -> _Codestream:
    marker, right, bottom, left, top = _unpack(">2x2s4xIIII", blob, start)
    (count,) = _unpack(">H", blob, start + 40)
    if marker != b"\xff\x51":
        raise DamagedHeader
    if not 1 <= count <= _COMPONENTS:
        raise ImageError(f"The JP2 file has {count} samples per pixel; at most 4 can be read.")
    components = [_unpack(">BBB", blob, start + 42 + 3 * number) for number in range(count)]
    bits = tuple((depth & 0x7F) + 1 for depth, _, _ in components)
    subsampled = len({(across, down) for _, across, down in components}) > 1
    _check(bits, subsampled, signed=any(depth & 0x80 for depth, _, _ in components))
    return _Codestream(start, stop, right - left, bottom - top, bits, subsampled)


def _check(bits: tuple[int, ...], subsampled: bool, *, signed: bool) -> None:
    """Raises ImageError for samples that are not read."""
    if signed:
        raise ImageError("The JP2 file has signed samples, which cannot be read.")
    if not 8 <= max(bits) <= 16:
        raise ImageError(f"The JP2 file has {max(bits)}-bit samples; only 8 to 16 bits can be read.")
    if subsampled and max(bits) > 8:
        raise ImageError("The JP2 file has subsampled colours of more than 8 bits, which cannot be read.")


def _unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
