"""What the ancillary chunks of a PNG say (PNG, third edition, 11.3), wherever in the file they stand."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.limits import MAX_METADATA, MAX_PARTS, MAX_PNG_CHUNKS

_COLOURS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP = b"XML:com.adobe.xmp"
# "Raw profile type": how ImageMagick keeps metadata in text; a name, the number of bytes, and these in hexadecimal.
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_READ_TEXTS = (_XMP, *_RAW_EXIF)


@dataclass(slots=True)
class PngParts:
    """colours: chunks that state colours without a profile, by kind. density: pixels per metre, across and down. exif:
    without its prefix. frames: those of an animation (APNG).
    """

    colours: dict[bytes, bytes] = field(default_factory=dict)
    density: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    frames: int = 1


def parts_of(blob: Blob) -> PngParts:
    """What the chunks say; nothing of chunks whose checksum is wrong, or that make no sense. Raises OSError."""
    parts = PngParts()
    raw_exif: bytes | None = None
    read_texts: set[bytes] = set()
    for kind, data in _ancillary(blob):
        if kind in _COLOURS:
            parts.colours.setdefault(kind, data)
        elif kind == b"pHYs" and len(data) == 9 and data[8] == 1:
            across, down = struct.unpack(">II", data[:8])
            parts.density = (across, down) if across and down else None
        elif kind == b"acTL" and len(data) == 8:
            parts.frames = int.from_bytes(data[:4], "big")
        elif kind == b"eXIf":
            parts.exif = parts.exif or data.removeprefix(PREFIX)
        elif kind in _TEXTS:
            keyword = data.partition(b"\0")[0]
            if keyword not in _READ_TEXTS or keyword in read_texts:
                continue
            read_texts.add(keyword)  # the first of each: unpacking takes time, and there may be thousands
            text = _text(kind, data[len(keyword) + 1 :])
            if keyword == _XMP:
                parts.xmp = text or None
            else:
                raw_exif = raw_exif or _unwrapped(text)
    parts.exif = parts.exif or raw_exif
    return parts


def texts_before_the_pixels(blob: Blob) -> list[tuple[int, int]]:
    """Where the chunks with text and EXIF start and stop, of those before the pixels. Raises ImageError for more than
    MAX_PNG_CHUNKS before the pixels, and OSError.
    """
    found: list[tuple[int, int]] = []
    at = 8
    for _ in range(MAX_PNG_CHUNKS):
        head = bytes(read(blob, at, 8))
        if len(head) < 8 or head[4:] == b"IDAT":
            return found
        stop = at + 12 + int.from_bytes(head[:4], "big")
        if head[4:] in _TEXTS or head[4:] == b"eXIf":
            first = found.pop()[0] if found and found[-1][1] == at else at  # one cut for all that follow each other
            found.append((first, min(stop, len(blob))))
        at = stop
    raise ImageError(f"The PNG file has more than {MAX_PNG_CHUNKS} chunks before its pixels.")


def _ancillary(blob: Blob) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the chunks that are looked at here."""
    at, others = 8, 0
    for _ in range(MAX_PNG_CHUNKS):
        head = bytes(read(blob, at, 8))
        if len(head) < 8 or others > MAX_PARTS:
            return
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind != b"IDAT":
            others += 1
        if (kind in _COLOURS or kind in _TEXTS or kind in (b"pHYs", b"eXIf", b"acTL")) and length <= MAX_METADATA:
            data = bytes(read(blob, at + 8, length + 4))
            if len(data) == length + 4 and zlib.crc32(data[:-4], zlib.crc32(kind)) == int.from_bytes(data[-4:], "big"):
                yield kind, data[:-4]
        at += 12 + length


def _text(kind: bytes, rest: bytes) -> bytes | None:
    """The text of a chunk, given what follows its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    text = rest[2:].split(b"\0", 2)[-1]  # behind its language and the keyword in that language
    return _inflated(text) if rest[:1] == b"\1" else text


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, MAX_METADATA)
    except zlib.error:
        return None


def _unwrapped(text: bytes | None) -> bytes | None:
    """The EXIF in a raw profile."""
    lines = (text or b"").strip().split(b"\n", 2)
    try:
        return binascii.unhexlify(b"".join(lines[2].split())).removeprefix(PREFIX) or None
    except (IndexError, binascii.Error):
        return None
