"""Files that are broken, odd or meant to do harm, the same ones every time. Run as a program, this module is the child
that looks at them. It prints the name of each file before it looks, and the outcome afterwards, so that a crash has a
name.
"""

from __future__ import annotations

import functools
import json
import random
import resource
import sys
import time

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Damaged
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.filters import Image
from filterfleet.worker.formats import Header, Target, decode, read_header
from filterfleet.worker.formats.lazy import open_pixels, to_array
from filterfleet.worker.memory import confine
from filterfleet.worker.needs import whole_need
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.strips import cheapest
from filterfleet.worker.tree import grow
from tests.unit import samples
from tests.unit.hostile_bombs import Files, bombs
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, pil, saved, vips
from tests.unit.test_bmp import GRAYS, RGB_565, masked, stored
from tests.unit.test_bmp import bmp as bmp_of
from tests.unit.test_jp2 import HALVED
from tests.unit.test_tiff_kinds import packed, pages, planes
from tests.unit.test_tiff_kinds import tiff as tiff_of

MEMORY = 256 << 20  # bytes for images


def good() -> dict[str, bytes]:
    image = samples.picture(60, 90)
    palette = pil(image).quantize(64)
    notes = {"exif": samples.exif(6, gps=True), "icc_profile": samples.profile()}
    return {
        "jpeg": saved(pil(image), "JPEG", **notes),
        "progressive jpeg": saved(pil(image), "JPEG", progressive=True),
        "cmyk jpeg": saved(pil(image).convert("CMYK"), "JPEG"),
        "png": saved(pil(image), "PNG", **notes),
        "palette png": saved(palette, "PNG", transparency=3),
        "interlaced png": vips(image).pngsave_buffer(interlace=True),
        "apng": saved(pil(image), "PNG", save_all=True, append_images=[pil(255 - image)]),
        "tiff": saved(pil(image), "TIFF", compression="tiff_lzw"),
        "tiled tiff": vips(image).tiffsave_buffer(tile=True, tile_width=32, tile_height=32, compression="deflate"),
        "jpeg tiff": saved(pil(image), "TIFF", compression="jpeg"),
        "fax tiff": saved(pil(image).convert("1"), "TIFF", compression="group4"),
        "webp": saved(pil(image), "WEBP", **notes),
        "lossless webp": saved(pil(BGRA), "WEBP", lossless=True),
        "animated webp": saved(pil(BGR), "WEBP", save_all=True, append_images=[pil(255 - BGR)]),
        "avif": saved(pil(image), "AVIF", speed=9, **notes),
        "gif": saved(palette, "GIF", save_all=True, append_images=[palette.transpose(0)]),
        "bmp": saved(pil(image), "BMP"),
        "palette bmp": saved(palette, "BMP"),
        "alpha bmp": cv2.imencode(".bmp", BGRA)[1].tobytes(),
        "masked bmp": bmp_of(stored(masked(BGR, RGB_565)), 16, compression=3, masks=RGB_565),
        "run lengths": bmp_of(b"\x28\x07\0\0" * 30 + b"\0\1", 8, compression=1, palette=GRAYS),
        "twelve-bit tiff": tiff_of(packed(GRAY.astype(int), 12), 12, 1, 1),
        "planar tiff": planes(BGR),
        "YCbCr tiff": saved(pil(image).convert("YCbCr"), "TIFF"),
        "tiff with thumbnail": pages((GRAY[::2, ::2].copy(), 1), (GRAY, 0)),
        "gray avif": saved(pil(GRAY), "AVIF", speed=9, range="limited", subsampling="4:0:0"),
        "jp2": saved(pil(image), "JPEG2000"),
        "gray and alpha jp2": saved(pil(GRAY_ALPHA), "JPEG2000"),
        "subsampled jp2": HALVED,
        "heic": saved(pil(image), "HEIF"),
        "jxl": saved(pil(image), "JXL", exif=samples.exif(6)),
        "lossless jxl": saved(pil(BGRA), "JXL", lossless=True),
        "pnm": saved(pil(image), "PPM"),
        "text pnm": b"P2 3 2 100 " + b"99 50\n" * 3,
    }


# --- spoiled at random ----


def spoiled(each: int, seed: int = 4) -> Files:
    """For each good file, `each` copies that are cut short, and as many with wrong bits."""
    rng = random.Random(seed)
    for name, file in good().items():
        for number in range(each):
            yield f"{name}, cut {number}", file[: rng.randrange(1, len(file))]
            wrong = bytearray(file)
            first = 0 if number % 2 else len(file) // 10  # in the headers, or behind them
            for _ in range(rng.choice((1, 3, 20))):
                wrong[rng.randrange(first, len(file) // 3 if number % 2 else len(file))] ^= 1 << rng.randrange(8)
            yield f"{name}, bits {number}", bytes(wrong)


def mixed() -> Files:
    """The beginning of one format and the rest of another."""
    files = good()
    for (name, file), (other, rest) in zip(files.items(), list(files.items())[1:], strict=False):
        yield f"{name} with the body of {other}", file[:16] + rest[16:]
        yield f"{name} with {other} behind it", file[: len(file) // 2] + rest
    rng = random.Random(5)
    for name, file in files.items():
        yield f"{name} of noise", file[:24] + rng.randbytes(3000)
    for name, start in (("html", b"<!DOCTYPE html>"), ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')):
        yield name, start
    for name, start in (("pdf", b"%PDF-1.7\n"), ("zip", b"PK\3\4"), ("gzip", b"\x1f\x8b\x08"), ("elf", b"\x7fELF")):
        yield name, start + rng.randbytes(500)
    for size in (1, 2, 3, 4, 8, 12, 16):
        yield f"{size} zeros", bytes(size)
        for magic in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF\0\0\0\0WEBP", b"GIF89a"):
            yield f"{magic[:4]!r} in {size} bytes", (magic + bytes(16))[:size]


# --- the child ----


def look(file: bytes, damaged: Damaged) -> Image | Header:
    """As a worker does it: the header, then whether there is memory, then the pixels, in strips if there are many."""
    header = read_header(file)
    root = grow(DEFAULT)
    targets = {output.name: Target("png") for output in DEFAULT.outputs}
    need = whole_need(header, len(file), root, targets)
    cost = functools.partial(cheapest, header, root, targets, 1, MEMORY)
    admission = admit(header, need, lambda: None, lambda: False, lambda: cost().need, MEMORY)
    if admission.way is Way.WHOLE:
        return decode(file, header, damaged)
    try:
        image = open_pixels(file, header, damaged, [])
        region = pyvips.Region.new(image)
        for top in range(0, image.height, 64):
            to_array(region.fetch(0, top, image.width, min(64, image.height - top)), image)
    except pyvips.Error:
        raise ImageError("It ends in the middle.") from None
    return header


def main(every: int, damaged: Damaged) -> None:
    confine(MEMORY)
    decode(*(lambda file: (file, read_header(file)))(good()["jpeg"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, file in (*bombs(), *mixed(), *spoiled(every)):
        print(json.dumps({"name": name}), flush=True)
        began = time.perf_counter()
        try:
            image = look(file, damaged)
            outcome = {"shape": image.shape if isinstance(image, np.ndarray) else [image.height, image.width]}
        except ImageError as error:
            outcome = {"sentence": str(error)}
        except MemoryError:
            outcome = {"sentence": "There is no memory for it."}  # a worker reports that as a transient failure
        took = time.perf_counter() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps({"name": name, "seconds": took, "grown": grown << 10} | outcome), flush=True)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(int(sys.argv[1]), Damaged(sys.argv[2]))
