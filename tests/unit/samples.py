"""Image files for tests. They are made by Pillow, which is not the library that reads them here, or put together by
hand.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - it registers itself with Pillow
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin  # noqa: F401 - tests use them from here

from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips

pillow_heif.register_heif_opener()

Pixels = NDArray[Any]

WIDTH, HEIGHT = 40, 30


def picture(height: int = HEIGHT, width: int = WIDTH, seed: int = 7) -> Pixels:
    """(height, width, 3) in BGR order: smooth, and different in every corner."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 0)


BGR = picture()
GRAY = picture()[:, :, 1].copy()
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
BGRA = np.dstack([BGR, ALPHA])
GRAY_ALPHA = np.dstack([GRAY, ALPHA])


def deep(image: Pixels) -> Pixels:
    """The image in 16 bits, of which the lower 8 matter, too."""
    return image.astype(np.uint16) * 257 ^ np.uint16(0x5A)


def pil(image: Pixels) -> Image.Image:
    match image.shape[2:]:
        case (3,):
            image = image[:, :, ::-1]
        case (4,):
            image = image[:, :, [2, 1, 0, 3]]
    return Image.fromarray(np.ascontiguousarray(image))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


def pixels(image: Image.Image) -> Pixels:
    """As an Image: gray, gray and alpha, BGR or BGRA."""
    array = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    return array[:, :, [2, 1, 0, 3][: array.shape[2]]] if array.ndim == 3 and array.shape[2] > 2 else array


def difference(one: Pixels, other: Pixels) -> float:
    """The largest difference between two samples, as a part of their range; infinite if shape or dtype differ."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    return float(np.abs(one.astype(int) - other.astype(int)).max() / np.iinfo(one.dtype).max)


def vips(image: Pixels) -> Any:
    """The pyvips.Image of a gray or BGR array."""
    bands = image if image.ndim == 2 else image[:, :, ::-1]
    kinds = {(2, 1): "b-w", (2, 2): "grey16", (3, 1): "srgb", (3, 2): "rgb16"}
    return pyvips.Image.new_from_array(np.ascontiguousarray(bands)).copy(
        interpretation=kinds[image.ndim, image.dtype.itemsize]
    )


UPRIGHT = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


# --- metadata ----


@functools.cache
def profile(space: str = "RGB") -> bytes:
    """A real sRGB profile. For another space, the same with that space in its header. A profile contains the time of
    day, so that one made later would differ.
    """
    if space == "RGB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = bytearray(profile())
    data[16:20] = space.encode().ljust(4)
    return bytes(data)


def with_curve(exponent):
    """LittleCMS' sRGB profile with the tone curve of an exponent."""
    data = bytearray(profile())
    for index in range(int.from_bytes(data[128:132], "big")):
        signature, at, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if signature[1:] == b"TRC":
            assert size >= 14
            data[at : at + 14] = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))
    return bytes(data)


NORTH = (48.0, 51.0, 29.515625)  # degrees, minutes, seconds; these seconds occur nowhere else in a file
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" exif:GPSLatitude="48,51.49N"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def exif(orientation: int = 1, *, gps: bool = False, maker: str | None = "Camera & Co") -> bytes:
    """A TIFF structure from Pillow."""
    made = Image.Exif()
    made[0x0112] = orientation
    if maker:
        made[0x010F] = maker
    if gps:
        position = made.get_ifd(0x8825)
        position[1], position[2], position[3], position[4] = "N", NORTH, "E", (2.0, 17.0, 40.0)
    return made.tobytes().removeprefix(b"Exif\0\0")


# --- by hand ----


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks and IEND, with correct checksums."""
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)


def tiff(tags: dict[int, tuple[int, int, int]], data: bytes = b"", *, big: bool = False) -> bytes:
    """A little-endian TIFF with one directory, which maps tags to (type, count, value or offset), followed by data. The
    data starts at the offset that tiff_data returns.
    """
    entries = sorted(tags.items())
    if big:
        packed = b"".join(struct.pack("<HHQQ", tag, kind, count, value) for tag, (kind, count, value) in entries)
        return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries)) + packed + bytes(8) + data
    packed = b"".join(struct.pack("<HHII", tag, kind, count, value) for tag, (kind, count, value) in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + data


def tiff_data(tags: int, *, big: bool = False) -> int:
    return 16 + 8 + 20 * tags + 8 if big else 8 + 2 + 12 * tags + 4


def jpeg_with(file: bytes, marker: int, data: bytes) -> bytes:
    """The JPEG with one more segment, right after SOI."""
    return file[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + file[2:]


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", len(data) + 8) + kind + data
