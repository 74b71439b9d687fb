"""Files of every kind that is read and that our encoders do not write, of a given picture: odd layouts of TIFF, BMP and
PNM, interlaced and progressive files, other samplings and compressions, and colours other than RGB.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pillow_heif
import pillow_jxl  # noqa: F401 - it registers itself with Pillow
import pyvips

from filterfleet.worker.pixels.channels import over_white, to_rgb_order
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.raw_files import dng
from tests.unit.test_cielab import tiff
from tests.unit.test_tiff_kinds import packed

pillow_heif.register_heif_opener()


def _rgb(image: Image) -> Image:
    colours = to_rgb_order(to_8_bits(over_white(image)))
    return np.dstack([colours] * 3) if colours.ndim == 2 else np.ascontiguousarray(colours)


def _gray(image: Image) -> Image:
    return np.ascontiguousarray(_rgb(image)[:, :, 1])


def _saved(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _by_pillow(image: Image, rng: random.Random) -> bytes:
    mode = rng.choice(("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"))
    kinds = {"1": ("PNG", "BMP", "TIFF"), "P": ("PNG", "BMP", "TIFF", "GIF"), "L": ("BMP", "JPEG", "GIF", "JPEG2000")}
    kinds |= {"RGBA": ("PNG", "TIFF", "WEBP", "JXL", "JPEG2000"), "CMYK": ("JPEG", "TIFF"), "YCbCr": ("TIFF",)}
    kind = rng.choice(kinds.get(mode, ("TIFF",) if mode == "LAB" else ("BMP", "JXL", "JPEG2000", "PPM", "MPO")))
    picture = PIL.Image.fromarray(_rgb(image))
    if mode == "LAB":
        bands = (picture.getchannel(0), picture.getchannel(1), picture.getchannel(2))
        return _saved(PIL.Image.merge("LAB", bands), kind)
    options = {"JPEG": {"progressive": rng.random() < 0.5, "subsampling": rng.randrange(3)}, "JXL": {"lossless": True}}
    return _saved(picture.convert(mode), kind, **options.get(kind, {}))


def _avif(image: Image, rng: random.Random) -> bytes:
    sampling = rng.choice(("4:0:0", "4:2:0", "4:2:2", "4:4:4"))
    return _saved(PIL.Image.fromarray(_rgb(image)), "AVIF", subsampling=sampling, range=rng.choice(("full", "limited")))


def _heic(image: Image, rng: random.Random) -> bytes:
    picture = PIL.Image.fromarray(_gray(image) if rng.random() < 0.5 else _rgb(image))
    return _saved(picture, "HEIF", chroma=rng.choice(("420", "444")), full_range_flag=rng.randrange(2))


def _jpeg(image: Image, rng: random.Random) -> bytes:
    samplings = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440)
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, rng.choice(samplings), cv2.IMWRITE_JPEG_RST_INTERVAL, rng.randrange(5)]
    return cv2.imencode(".jpg", _rgb(image), options)[1].tobytes()


def _vips(image: Image, deep: bool) -> Any:
    samples = _rgb(image).astype(np.uint16) * 257 if deep else _rgb(image)
    return pyvips.Image.new_from_array(samples).copy(interpretation="rgb16" if deep else "srgb")


def _tiff(image: Image, rng: random.Random) -> bytes:
    compression = rng.choice(("none", "jpeg", "deflate", "packbits", "lzw", "webp"))
    deep = compression in ("none", "deflate", "lzw") and rng.random() < 0.5
    options = {"tile": True, "tile_width": 16, "tile_height": 16} if rng.random() < 0.5 else {}
    predictor = rng.choice(("none", "horizontal")) if compression in ("deflate", "lzw") else "none"
    picture = _vips(image, deep)
    return bytes(
        picture.tiffsave_buffer(
            compression=compression, predictor=predictor, bigtiff=rng.random() < 0.3, lossless=True, **options
        )
    )


def _bits_of_tiff(image: Image, rng: random.Random) -> bytes:
    picture = pyvips.Image.new_from_array(_gray(image)).copy(interpretation="b-w")
    compression = rng.choice(("none", "deflate"))
    return bytes(picture.tiffsave_buffer(bitdepth=rng.choice((1, 2, 4)), compression=compression, predictor="none"))


def _packed_tiff(image: Image, rng: random.Random) -> bytes:
    """2 to 15 bits, in one strip, or in tiles that are as large as the picture."""
    bits, count = rng.randint(2, 15), rng.choice((1, 3))
    levels = (_rgb(image)[:, :, :count].astype(np.int64) * ((1 << bits) - 1) // 255).reshape(len(image), -1)
    data = packed(levels, bits)
    height, width = len(image), image.shape[1]
    tags = {256: (3, 1, width), 257: (3, 1, height), 258: (3, 1, bits), 259: (3, 1, 1), 262: (3, 1, 1 + count // 3)}
    tags |= {273: (4, 1, 200), 277: (3, 1, count), 278: (4, 1, height), 279: (4, 1, len(data)), 284: (3, 1, 1)}
    if width * count * bits % 8 == 0 and rng.random() < 0.7:
        del tags[273], tags[278], tags[279]
        tags |= {322: (3, 1, width), 323: (3, 1, height), 324: (4, 1, 200), 325: (4, 1, len(data))}
    entries = b"".join(struct.pack("<HHII", tag, *values) for tag, values in sorted(tags.items()))
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)).ljust(200, b"\0") + data


def _tiff_of_other_colours(image: Image, rng: random.Random) -> bytes:
    photometric = rng.choice((6, 8, 9, 10))
    sampled = {"_530": (3, 2, 1 | 1 << 16)} if photometric == 6 else {}
    return tiff(_rgb(image).astype("u1" if sampled else rng.choice(("u1", "<u2"))), photometric, **sampled)


def _png(image: Image, rng: random.Random) -> bytes:
    picture = _vips(image, deep=rng.random() < 0.3)
    palette = picture.format == "uchar" and rng.random() < 0.5
    return bytes(picture.pngsave_buffer(interlace=rng.random() < 0.7, palette=palette))


_MASKS = ((16, (0xF800, 0x7E0, 0x1F)), (16, (0x7C00, 0x3E0, 0x1F)), (32, (0xFF00, 0xFF << 24, 0xFF)))


def _bmp_with_masks(image: Image, rng: random.Random) -> bytes:
    height, width = image.shape[:2]
    bits, masks = rng.choice(
        ((16, (0xF800, 0x7E0, 0x1F)), (16, (0x7C00, 0x3E0, 0x1F)), (32, (0xFF00, 0xFF << 24, 0xFF)))
    )
    stride = (width * bits + 31) // 32 * 4
    rows = np.random.default_rng(rng.randrange(1 << 32)).integers(0, 256, (height, stride), np.uint8).tobytes()
    size = rng.choice((40, 56, 108, 124))
    head = struct.pack("<IiiHHIIiiII", size, width, rng.choice((-1, 1)) * height, 1, bits, 3, len(rows), 0, 0, 0, 0)
    head = (head + struct.pack("<3I", *masks)).ljust(max(size, 52), b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


def _bmp_of_run_lengths(image: Image, rng: random.Random) -> bytes:
    """Codes that may lead beyond each row and beyond the picture."""
    height, width = image.shape[:2]
    bits, compression = rng.choice(((8, 1), (4, 2)))
    codes = np.random.default_rng(rng.randrange(1 << 32)).integers(
        0, rng.choice((4, 256)), height * width + 2, np.uint8
    )
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(codes), 0, 0, 1 << bits, 0)
    palette = np.arange(4 << bits, dtype=np.uint8).tobytes()
    start = 54 + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(codes), 0, 0, start) + head + palette + codes.tobytes()


def _pnm(image: Image, rng: random.Random) -> bytes:
    kind, white = rng.randint(1, 6), rng.choice((1, 7, 255, 300, 65535))
    samples = (_rgb(image) if kind in (3, 6) else _gray(image)).astype(np.int64) * white // 255
    head = f"P{kind} {image.shape[1]} {len(image)}" + ("" if kind in (1, 4) else f" {white}") + "\n"
    if kind == 4:
        return head.encode() + np.packbits(samples > 0, axis=1).tobytes()
    if kind < 4:
        return (head + " ".join(map(str, (samples > 0).astype(int).ravel() if kind == 1 else samples.ravel()))).encode()
    return head.encode() + samples.astype(">u2" if white > 255 else "u1").tobytes()


def _jp2(image: Image, rng: random.Random) -> bytes:
    tile = {"tile_size": (16, 16)} if rng.random() < 0.4 and min(image.shape[:2]) >= 16 else {}
    picture = PIL.Image.fromarray(_rgb(image)).convert(rng.choice(("L", "LA", "RGB", "RGBA")))
    return _saved(picture, "JPEG2000", irreversible=rng.random() < 0.5, num_resolutions=1, **tile)


def _raw(_: Image, rng: random.Random) -> bytes:
    return dng((rng.random(), rng.random(), rng.random()), rng.randint(1, 8))


KINDS: tuple[Callable[[Image, random.Random], bytes], ...] = (
    *(_by_pillow, _avif, _heic, _jpeg, _tiff, _bits_of_tiff, _packed_tiff, _tiff_of_other_colours, _png),
    *(_bmp_with_masks, _bmp_of_run_lengths, _pnm, _jp2, _raw),
)
