"""What this machine's libraries can read, write and draw, tried out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.extensions import EXTRA_OF_FORMAT, FORMAT_OF_EXTENSION, unreadable_formats
from filterfleet.common.jobs.recipe import ENCODINGS
from filterfleet.doctor.finding import Finding, ok, problem, warning
from filterfleet.worker.formats import Target, decode, encode, read_header
from filterfleet.worker.pixels.opencv import cv2

FORMATS, FONTS = "formats", "fonts"

_ANEW = "Install filterfleet anew, in a new environment."
_READ = frozenset(FORMAT_OF_EXTENSION.values())
_WRITTEN = sorted(_READ & set(ENCODINGS))


def check_formats() -> Iterator[Finding]:
    """Writes a picture in each format and reads it again. Libraries of extras are loaded."""
    missing = unreadable_formats()
    for name in sorted(missing):
        extra = EXTRA_OF_FORMAT[name]
        yield warning(FORMATS, f"{name.upper()} files cannot be read.", f"If you have such files: {extra.command}.")
    failed = [*filter(None, map(_written_and_read, _WRITTEN)), *_broken_extras(missing)]
    yield from failed
    if not failed:
        readable = sorted(_READ - missing)
        yield ok(FORMATS, f"This machine reads {', '.join(readable)}. It writes {', '.join(_WRITTEN)}.")


def check_fonts() -> Iterator[Finding]:
    """The filter watermark_text writes with the font of OpenCV."""
    canvas = np.zeros((48, 96), np.uint8)
    try:
        cv2.putText(canvas, "Ag", (8, 36), (255, 255, 255), cv2.FontFace("sans"), 24)
        found = bool(canvas.any())
    except (cv2.error, AttributeError):
        found = False
    yield ok(FONTS, "watermark_text has its font.") if found else problem(FONTS, "watermark_text has no font.", _ANEW)


def _written_and_read(name: str) -> Finding | None:
    picture = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    try:
        data = encode(picture, Target(name))
        if decode(data, read_header(data)).shape[:2] == picture.shape:
            return None
        reason = "the picture came back in another size."
    except (ImageError, MemoryError) as error:
        reason = str(error) or "there is too little memory."
    return problem(FORMATS, f"{name.upper()} files cannot be written and read again: {reason}", _ANEW)


def _broken_extras(missing: frozenset[str]) -> Iterator[Finding]:
    """Libraries that are there and cannot be loaded."""
    for name in sorted(EXTRA_OF_FORMAT.keys() - missing):
        extra = EXTRA_OF_FORMAT[name]
        try:
            importlib.import_module(extra.module)
        except Exception as error:  # noqa: BLE001 - a library that fails to load may raise anything
            says = f"{name.upper()} files cannot be read: {extra.module} fails with {type(error).__name__}."
            yield problem(FORMATS, says, f"Have it installed anew: {extra.command} --force-reinstall.")
