"""The extensions of image files, and the extras of the package that some formats need."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

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
    ".ico": "ico",
    ".psd": "psd",
    ".tga": "tga",
}


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of the package, and the module that it brings."""

    name: str
    module: str

    @property
    def command(self) -> str:
        """How to have it."""
        return f"pip install 'filterfleet[{self.name}]'"


# The formats that are read by the library of an extra.
EXTRA_OF_FORMAT = {
    "heic": Extra("heic", "pillow_heif"),
    "jxl": Extra("jxl", "pillow_jxl"),
    "raw": Extra("raw", "rawpy"),
}


def extra_of_extension(extension: str) -> Extra | None:
    """The extra that files with this extension (".dng") need; None if they need none, or are no images to us."""
    return EXTRA_OF_FORMAT.get(FORMAT_OF_EXTENSION.get(extension.lower(), ""))


def unreadable_formats() -> frozenset[str]:
    """The formats whose library is not on this machine. The libraries are looked for, and not imported."""
    return frozenset(name for name, extra in EXTRA_OF_FORMAT.items() if not _is_here(extra.module))


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # something on this machine forbids the import
        return False


def needs_extra(image_format: str) -> str:
    """The sentence about a file that cannot be read for want of a library."""
    return f"{image_format.upper()} files need an extra library: {EXTRA_OF_FORMAT[image_format].command}."
