"""Profile, EXIF and XMP as JPEG, PNG and WebP hold them, and the chunks that PNG consists of."""

from __future__ import annotations

import struct
import zlib

from filterfleet.common.payload import Payload
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.metadata import Carried

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SEGMENT = 65_533  # bytes that a JPEG segment holds besides its own length
_XMP, _ICC = b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


def jpeg_segments(carried: Carried) -> bytes:
    """APP1 and APP2 segments, whose place is after SOI and JFIF's APP0. EXIF and XMP take one segment each, and are
    left out if they are longer; a profile takes up to 255 (ICC.1:2022, B.4).
    """
    segments = []
    if carried.exif is not None:
        segments.append(_segment(0xE1, PREFIX + carried.exif))
    if carried.xmp is not None:
        segments.append(_segment(0xE1, _XMP + carried.xmp))
    if carried.icc is not None:
        step = _SEGMENT - len(_ICC) - 2
        parts = [carried.icc[at : at + step] for at in range(0, len(carried.icc), step)]
        if len(parts) <= 255:
            segments += [_segment(0xE2, _ICC + bytes([n, len(parts)]) + part) for n, part in enumerate(parts, 1)]
    return b"".join(segments)


def _segment(marker: int, data: bytes) -> bytes:
    """Empty if the data does not fit into a segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data if len(data) <= _SEGMENT else b""


def with_jpeg_segments(file: Payload, carried: Carried) -> bytes:
    """A JPEG file, or the beginning of one, with the segments and the density added."""
    at = 4 + int.from_bytes(file[4:6], "big") if file[2:4] == b"\xff\xe0" else 2
    return b"".join((_with_jfif_density(bytes(file[:at]), carried.density), jpeg_segments(carried), file[at:]))


def _with_jfif_density(head: bytes, density: tuple[float, float] | None) -> bytes:
    """The head with this density, in pixels per metre, in its JFIF segment, which has whole pixels per inch."""
    if density is None or head[2:4] != b"\xff\xe0" or head[6:11] != b"JFIF\0":
        return head
    across, down = (round(value * 0.0254) for value in density)
    if not (0 < across < 65536 and 0 < down < 65536):
        return head
    return b"".join((head[:13], struct.pack(">BHH", 1, across, down), head[18:]))


def png_chunks(carried: Carried) -> bytes:
    """Colours, pHYs, eXIf and iTXt (PNG, third edition, 11.3), whose place is after IHDR."""
    chunks = [png_chunk(kind, data) for kind, data in carried.png_colours.items()]
    # A profile would outrank sRGB, gAMA and cHRM, and says the same. Beside cICP, it serves readers without cICP.
    if carried.icc is not None and (not carried.png_colours or b"cICP" in carried.png_colours):
        chunks.append(png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(carried.icc)))
    if carried.density is not None:
        chunks.append(png_chunk(b"pHYs", struct.pack(">IIB", *map(round, carried.density), 1)))
    if carried.exif is not None:
        chunks.append(png_chunk(b"eXIf", carried.exif))
    if carried.xmp is not None:
        chunks.append(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + carried.xmp))
    return b"".join(chunks)


def png_header(width: int, height: int, bits: int, channels: int) -> bytes:
    """The chunk IHDR of an image without palette and interlacing."""
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def with_png_chunks(file: Payload, carried: Carried) -> bytes:
    """A PNG file with the chunks added, and without the density that libvips makes up."""
    chunks = png_chunks(carried)
    at = rest = len(PNG_SIGNATURE) + 25  # past IHDR
    if file[at + 4 : at + 8] == b"pHYs":
        rest = at + 21
    return b"".join((file[:at], chunks, file[rest:])) if chunks or rest > at else bytes(file)


def with_webp_chunks(file: bytes, carried: Carried, width: int, height: int) -> bytes:
    """A WebP file without metadata, made an extended one: VP8X, ICCP, pixels, EXIF, XMP in that order. width and height
    are in pixels.
    """
    if carried.icc is None and carried.exif is None and carried.xmp is None:
        return file
    pixels = file[12:]
    alpha = 0
    if pixels.startswith(b"VP8X"):
        alpha, pixels = pixels[8] & 0x10, pixels[18:]
    elif pixels.startswith(b"VP8L"):
        alpha = 0x10 if int.from_bytes(pixels[9:13], "little") >> 28 & 1 else 0
    flags = (
        alpha
        | (0x20 if carried.icc is not None else 0)
        | (0x08 if carried.exif is not None else 0)
        | (0x04 if carried.xmp is not None else 0)
    )
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"".join(
        (
            _riff(b"VP8X", bytes([flags, 0, 0, 0]) + size),
            _riff(b"ICCP", carried.icc),
            pixels,
            _riff(b"EXIF", carried.exif),
            _riff(b"XMP ", carried.xmp),
        )
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff(kind: bytes, data: bytes | None) -> bytes:
    """A chunk, padded to an even length; nothing if there is no data."""
    return b"" if data is None else kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
