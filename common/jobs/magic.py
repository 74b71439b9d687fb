"""The format of an image file by its first bytes."""

from __future__ import annotations

import re
import struct

from filterfleet.common.blob import Blob, read

HEAD = 256  # bytes of a file that format_of() needs at most

_MAGIC = (
    ("jpeg", b"\xff\xd8\xff"),
    ("raw", b"II*\0\x10\0\0\0CR"),  # CR2. DNG, NEF and ARW begin like any TIFF
    ("raw", b"FUJIFILMCCD-RAW"),
    ("raw", b"IIRO"),  # ORF
    ("raw", b"IIRS"),
    ("raw", b"MMOR"),
    ("raw", b"IIU\0"),  # RW2
    ("png", b"\x89PNG\r\n\x1a\n"),
    ("tiff", b"II*\0"),
    ("tiff", b"MM\0*"),
    ("tiff", b"II+\0"),  # BigTIFF
    ("tiff", b"MM\0+"),
    ("bmp", b"BM"),
    ("gif", b"GIF87a"),
    ("gif", b"GIF89a"),
    ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("jp2", b"\xff\x4f\xff\x51"),  # a bare codestream
    ("jxl", b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("jxl", b"\xff\x0a"),  # a bare codestream
    ("psd", b"8BPS\0\1"),
)
_PNM = re.compile(rb"P[1-6][\s#]")
_HEIF_BRANDS = {b"avif": "avif", b"avis": "avif", b"crx ": "raw"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), "heic"
)

_MAKE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 0x010F, 0x0106, 0x014A, 0xC612
_SENSOR = (32803, 34892)  # PhotometricInterpretation of a sensor's samples: a mosaic, or one that has been interpolated
# Entries of a TIFF's directory that are looked at. Cameras write about a hundred. More: hostile files take more time.
# Less: the raw file of a talkative camera is taken for a TIFF.
_ENTRIES = 1000


def format_in(blob: Blob) -> str | None:
    """As format_of(), for a whole file. It tells raw files that begin like a TIFF from other TIFFs. Raises OSError."""
    found = format_of(bytes(read(blob, 0, HEAD)))
    return "raw" if found == "tiff" and _is_raw(blob) else found


def format_of(head: bytes) -> str | None:
    """The format of the file that begins so: a name as in FORMAT_OF_EXTENSION. None for a format that is not read, and
    for TGA, which begins like nothing in particular.
    """
    for name, magic in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if _PNM.match(head):
        return "pnm"
    if _is_icon(head):
        return "ico"
    return _heif(head)


def _is_icon(head: bytes) -> bool:
    """Four bytes that many files begin with, and a first entry that makes sense."""
    if not head.startswith(b"\0\0\1\0") or len(head) < 22:
        return False
    count, reserved, planes, bits, size, start = struct.unpack_from("<H3xBHHII", head, 4)
    return bool(count and size and start >= 6 + 16 * count and reserved in (0, 255) and planes <= 4 and bits <= 32)


def _heif(head: bytes) -> str | None:
    """For an ISO base media file (ISO 14496-12): the format by the first of its brands, major or compatible, that says
    how the pixels are coded.
    """
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    return next((_HEIF_BRANDS[brand] for brand in brands if brand in _HEIF_BRANDS), None)


def _is_raw(blob: Blob) -> bool:
    """Whether a file that begins like a TIFF is a raw file: it says that it is a DNG, or it names a camera, and one of
    its first images has a sensor's samples. Raises OSError.
    """
    order = "<" if bytes(read(blob, 0, 2)) == b"II" else ">"
    try:
        (at,) = struct.unpack(f"{order}4xI", read(blob, 0, 8))
        first = _directory(blob, order, at)
        if _DNG_VERSION in first:
            return True
        if _MAKE not in first:
            return False
        count, value = first.get(_SUB_IFDS, (0, 0))
        places = [value] if count == 1 else struct.unpack(f"{order}8I", read(blob, value, 32))[:count]
        images = [first, *(_directory(blob, order, place) for place in places if count)]
    except struct.error:
        return False
    return any(
        (image.get(_PHOTOMETRIC, (0, 0))[1] >> (16 if order == ">" else 0)) & 0xFFFF in _SENSOR for image in images
    )


def _directory(blob: Blob, order: str, at: int) -> dict[int, tuple[int, int]]:
    """Count and value of each tag of a TIFF's directory; a short value is in the half of the four bytes that comes
    first. Raises struct.error."""
    (count,) = struct.unpack(f"{order}H", read(blob, at, 2))
    data = read(blob, at + 2, 12 * min(count, _ENTRIES))
    return {tag: (number, value) for tag, _, number, value in struct.iter_unpack(f"{order}HHII", data)}
