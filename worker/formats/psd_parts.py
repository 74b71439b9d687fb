"""What the sections in front of the merged picture of a Photoshop file say."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from filterfleet.common.blob import Blob, read
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS

_FRONT = 26  # bytes of the file header
_RESOLUTION, _PROFILE, _EXIF, _XMP = 1005, 1039, 1058, 1060  # image resources
_DEEP_LAYERS = (b"Lr16", b"Lr32")  # where the layers of 16 and 32 bits are
_MERGED_ALPHA = (b"Mtrn", b"Mt16", b"Mt32")  # the first spare channel is the transparency of the merged picture
_MOST_CHANNELS = 56


class Mode(enum.Enum):
    BITMAP = 0
    GRAY = 1
    INDEXED = 2
    RGB = 3
    CMYK = 4
    MULTICHANNEL = 7
    DUOTONE = 8
    LAB = 9


_COLOURS = {Mode.RGB: 3, Mode.CMYK: 4, Mode.LAB: 3}  # channels; one in other modes


@dataclass(frozen=True, slots=True)
class Parts:
    """pixels: where the merged picture starts, with two bytes about its compression.

    palette: where the 256 reds, greens and blues of an indexed picture are.
    layered: the picture merges layers; its colours are laid over white where they are transparent.
    """

    width: int
    height: int
    channels: int
    depth: int
    mode: Mode
    palette: int
    pixels: int
    alpha: bool
    layered: bool
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    density: tuple[float, float] | None

    @property
    def colours(self) -> int:
        """Channels of colour or gray as stored."""
        return _COLOURS.get(self.mode, 1)

    @property
    def bands(self) -> int:
        """Of the decoded picture."""
        return (1 if self.colours == 1 and self.mode is not Mode.INDEXED else 3) + self.alpha

    @property
    def row(self) -> int:
        """Bytes of a row of one channel."""
        return (self.width * self.depth + 7) // 8


def parts_of(blob: Blob) -> Parts:
    """Raises DamagedHeader."""
    channels, height, width, depth, number = _unpack(">12xHIIHH", blob, 0)
    try:
        mode = Mode(number)
    except ValueError:
        raise DamagedHeader from None
    spare = channels - _COLOURS.get(mode, 1)
    if spare < 0 or channels > _MOST_CHANNELS or depth not in (1, 8, 16, 32):
        raise DamagedHeader
    palette, resources = _section(blob, _FRONT)
    first, layers = _section(blob, resources)
    inside, pixels = _section(blob, layers)
    if mode is Mode.INDEXED and resources - palette != 768:
        raise DamagedHeader
    found = dict(_resources(blob, first, layers))
    layered = pixels > inside and _is_layered(blob, inside, pixels)
    flat = pixels == inside or not _has_layers(blob, inside)
    alpha = spare > 0 and mode not in (Mode.BITMAP, Mode.INDEXED) and (layered or flat)
    return Parts(
        width,
        height,
        channels,
        depth,
        mode,
        palette,
        pixels,
        alpha=alpha,
        layered=layered,
        icc=found.get(_PROFILE) or None,
        exif=found.get(_EXIF) or None,
        xmp=found.get(_XMP) or None,
        density=_density(found.get(_RESOLUTION, b"")),
    )


def _section(blob: Blob, at: int) -> tuple[int, int]:
    """Where the content of a section starts and stops. Raises DamagedHeader if that is beyond the file."""
    (length,) = _unpack(">I", blob, at)
    if at + 4 + length > len(blob):
        raise DamagedHeader
    return at + 4, at + 4 + length


def _resources(blob: Blob, at: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """The resources that outputs may carry."""
    for _ in range(MAX_PARTS):
        if at + 12 > stop:
            return
        kind, name = _unpack(">4xHB", blob, at)
        at += 6 + (name + 2) // 2 * 2
        (length,) = _unpack(">I", blob, at)
        if kind in (_RESOLUTION, _PROFILE, _EXIF, _XMP) and length <= MAX_METADATA:
            yield kind, bytes(read(blob, at + 4, length))
        at += 4 + length + length % 2


def _has_layers(blob: Blob, at: int) -> bool:
    (length,) = _unpack(">I", blob, at)
    return bool(length)


def _is_layered(blob: Blob, at: int, stop: int) -> bool:
    """Whether the first spare channel is the transparency of the merged picture: the number of layers is negative."""
    (length,) = _unpack(">I", blob, at)
    if length:
        (number,) = _unpack(">h", blob, at + 4)
        return bool(number < 0)
    at += 4
    at += 4 + _unpack(">I", blob, at)[0] if at + 4 <= stop else 0
    for _ in range(MAX_PARTS):
        if at + 12 > stop:
            break
        kind, length = _unpack(">4x4sI", blob, at)
        if kind in _MERGED_ALPHA:
            return True
        if kind in _DEEP_LAYERS and length >= 2 and _unpack(">h", blob, at + 12)[0] < 0:
            return True
        at += 12 + (length + 3) // 4 * 4
    return False


def _density(resource: bytes) -> tuple[float, float] | None:
    """Pixels per metre, of pixels per inch in 16.16 bits."""
    if len(resource) < 16:
        return None
    across, down = (
        value / 65536 / 0.0254
        for value in (*struct.unpack_from(">I", resource, 0), *struct.unpack_from(">I", resource, 8))
    )
    return across, down


def _unpack(layout: str, blob: Blob, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None
