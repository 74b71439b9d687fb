"""The format of a file by its first bytes."""

from __future__ import annotations

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import unread

_MAGIC = (
    ("jpeg", b"\xff\xd8\xff"),
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
)
_HEIF_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), "heic"
)


def sniff(blob: Blob) -> str:
    """The format of an image file by its first bytes, whatever its name says: a name as in Header.format. Raises
    ImageError for an empty file and for an unknown format, and OSError.
    """
    if len(blob) == 0:
        raise ImageError("The file is empty.")
    head = bytes(read(blob, 0, 256))
    for image_format, magic in _MAGIC:
        if head.startswith(magic):
            return image_format
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if found := _heif(head):
        return found
    if name := unread.named(head):
        raise ImageError(f"The file is {name}, which cannot be read.")
    raise ImageError("The file is not an image of a known format.")


def _heif(head: bytes) -> str | None:
    """For an ISO base media file (ISO 14496-12): the format by the first of its brands, major or compatible, that says
    how the pixels are coded.
    """
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    return next((_HEIF_BRANDS[brand] for brand in brands if brand in _HEIF_BRANDS), None)
