"""Formats by their first bytes."""

from __future__ import annotations

from common.blob import Blob, read
from common.errors import ImageError

_MAGIC = (
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("webp", 8, b"WEBP"),
    ("tiff", 0, b"II*\0"),
    ("tiff", 0, b"MM\0*"),
    ("tiff", 0, b"II+\0"),
    ("tiff", 0, b"MM\0+"),
    ("bmp", 0, b"BM"),
    ("gif", 0, b"GIF8"),
    ("avif", 4, b"ftypavi"),
    ("jp2", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("jp2", 0, b"\xff\x4f\xff\x51"),
)


def sniff(blob: Blob) -> str:
    """The format of an image file, by its first bytes, whatever its name says. Raises ImageError."""
    if len(blob) == 0:
        raise ImageError("The file is empty.")
    head = bytes(read(blob, 0, 16))
    for name, offset, magic in _MAGIC:
        if head.startswith(magic, offset):
            return name
    raise ImageError("The file is not an image of a known format.")
