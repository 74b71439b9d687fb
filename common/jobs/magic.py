"""The format of an image file by its first bytes."""

from __future__ import annotations

import re

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
)
_PNM = re.compile(rb"P[1-6][\s#]")
_HEIF_BRANDS = {b"avif": "avif", b"avis": "avif", b"crx ": "raw"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), "heic"
)


def format_of(head: bytes) -> str | None:
    """The format of the file that begins so: a name as in FORMAT_OF_EXTENSION. None for a format that is not read."""
    for name, magic in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if _PNM.match(head):
        return "pnm"
    return _heif(head)


def _heif(head: bytes) -> str | None:
    """For an ISO base media file (ISO 14496-12): the format by the first of its brands, major or compatible, that says
    how the pixels are coded.
    """
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    return next((_HEIF_BRANDS[brand] for brand in brands if brand in _HEIF_BRANDS), None)
