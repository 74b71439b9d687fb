"""The names of image files, and of the outputs that are made of them."""

from __future__ import annotations

from pathlib import PurePosixPath

from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT

# The extensions of image files, and the format that each stands for.
FORMAT_OF_EXTENSION = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".apng": "png",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".gif": "gif",
    ".avif": "avif",
    ".jp2": "jp2",
    ".j2k": "jp2",
    ".heic": "heic",
    ".heif": "heic",
    ".jxl": "jxl",
    ".mpo": "jpeg",
    ".pnm": "pnm",
    ".pbm": "pnm",
    ".pgm": "pnm",
    ".ppm": "pnm",
    ".dng": "raw",
    ".cr2": "raw",
    ".cr3": "raw",
    ".nef": "raw",
    ".arw": "raw",
    ".raf": "raw",
    ".orf": "raw",
    ".rw2": "raw",
}


def is_image_name(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in FORMAT_OF_EXTENSION


def has_no_extension(path: str) -> bool:
    return not PurePosixPath(path).suffix.strip(".")  # before Python 3.14, "a." has none


def output_path(output: str, source: str, image_format: str) -> str:
    """The path of an output below the output root, for a path below the source root.

    A name keeps its extension when that already tells the format. Otherwise the extension of the format is appended
    (edges/trip/a.jpg.png). A name with two image extensions always gets a third one, so that no two sources share an
    output: a.jpg and a.jpg.png do occur in one folder. For the same reason a name without an extension gets two: the
    output of a in JPEG is a.jpg.jpg, because a.jpg may lie beside it.
    """
    path = PurePosixPath(source)
    if has_no_extension(source):
        return f"{output}/{source}{2 * f'.{EXTENSION_OF_FORMAT[image_format]}'}"
    own = FORMAT_OF_EXTENSION.get(path.suffix.lower()) == image_format
    if own and not is_image_name(path.stem):
        return f"{output}/{source}"
    return f"{output}/{source}.{EXTENSION_OF_FORMAT[image_format]}"
