"""Filters that lay text or a picture over the image. A strip draws only the rows that fall into it."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.sourced import FIELDS as NAMES
from filterfleet.worker.filters import picture as pictures
from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.filters.parameters import Boolean, Choice, Color, Number, Picture, Text
from filterfleet.worker.filters.registry import register
from filterfleet.worker.filters.stamping import Mark, outline, stamped
from filterfleet.worker.filters.wording import is_plain, problem, worded
from filterfleet.worker.pixels.channels import LUMA
from filterfleet.worker.pixels.image import About, Image, Place
from filterfleet.worker.pixels.opencv import cv2

_POSITIONS = ("top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right")
_UNBOUNDED = (1 << 24, 1 << 24)  # pixels of a canvas so large that no text is wrapped on it

_POSITION = Choice("bottom-right", _POSITIONS)
_MARGIN = Number(2.0, 0.0, 50.0, "percent of the image's height")
_OPACITY = Number(0.5, 0.0, 1.0)
_ANGLE = Number(0.0, -180.0, 180.0, "degrees, clockwise")
_TILE = Boolean(False)
_SPACING = Number(100.0, 0.0, 1000.0, "percent of the mark's height, between two of them")

# The largest letters that are drawn before they are turned, in pixels; larger ones are enlarged. A larger value takes
# more memory; with a smaller one, turned letters in large images are blurred.
_LARGEST_LETTERS = 160

# Thickness of letters, the font's own. Without it, cv2 takes the one that anybody in this process has used last: a
# plugin that writes with cv2.FONT_HERSHEY_SIMPLEX, for example.
_WEIGHT = 300

Samples = NDArray[np.float32]

_BYTES = 120  # of a stamp's pixel, for each sample of the image, what allocators keep of it included


def _text_work(size: float, **_values: Any) -> float:
    return _BYTES * min(1.0, size / 50)  # letters reach above and below their size


def _picture_work(scale: float, **_values: Any) -> float:
    return _BYTES * scale / 100


def _unreadable(text: str, **_values: Any) -> str | None:
    return problem(text) or _unwritable(_composed(text))


def _composed(text: str) -> str:
    """The text as it is drawn: a letter and its accent as one, where there is such a letter, and plain spaces. macOS
    takes letters and accents apart, and the font draws them side by side.
    """
    return "".join(" " if unicodedata.category(each) == "Zs" else each for each in unicodedata.normalize("NFC", text))


@functools.lru_cache(maxsize=256)
def _unwritable(text: str) -> str | None:
    """cv2.putText sets one letter after the other from left to right, and draws "?" for those that its font lacks."""
    font = cv2.FontFace("sans")
    missing = _glyph(font, "?")
    for letter in dict.fromkeys(text):
        if unicodedata.bidirectional(letter) in ("R", "AL"):
            return f"cannot write from right to left, as {letter!r} wants it: make a picture of it for watermark_image"
        if letter != "?" and np.array_equal(_glyph(font, letter), missing):
            return f"has no letter {letter!r} in its font: make a picture of it for watermark_image"
    return None


def _glyph(font: Any, letter: str) -> Image:
    canvas = np.zeros((48, 64), np.uint8)
    cv2.putText(canvas, letter, (16, 36), (255, 255, 255), font, 24, _WEIGHT)
    return canvas


@register(
    "watermark_text",
    merge=Rows(positioned=True),
    work=_text_work,
    refuses=_unreadable,
    informed=True,
    text=Text(None, 200),
    size=Number(5.0, 0.1, 50.0, "percent of the image's height"),
    color=Color("#ffffff"),
    opacity=_OPACITY,
    position=_POSITION,
    margin=_MARGIN,
    angle=_ANGLE,
    tile=_TILE,
    spacing=_SPACING,
    missing=Choice("empty", ("empty", "skip", "refuse")),
)
def watermark_text(image: Image, text: str, missing: str, place: Place, about: About, **values: Any) -> Image:
    """A line of text over the image; the letters shrink until the line fits the width.

    It may have fields, which each image fills with what its camera wrote down: {date}, also as {date:%Y-%m-%d}, {make},
    {model}, {lens}, {artist}, {copyright}, {iso}, {exposure}, {aperture} and {focal}; and the {name} of its file, its
    {stem} (the name without extension) and its {folder} below the source. missing says what becomes of a
    field of which nothing is known: empty leaves it out, skip leaves out the text, and refuse refuses the image. For
    braces, write {{ and }}.

    With tile, the text covers the image, spacing apart in percent of its height, and position does not matter.

    Raises ImageError for an image that is refused, and for letters from a camera that cannot be written.
    """
    if not is_plain(text):
        text = _filled_in(text, missing, about)
    return _written(image, _composed(text), place, **values) if text else image


def _filled_in(text: str, missing: str, about: About) -> str:
    """Empty if there is nothing to write."""
    filled, lacking = worded(text, _drawable(about.fields))
    if lacking and missing == "refuse":
        raise ImageError(
            f"The image does not say its {lacking[0]}, which the filter 'watermark_text' is to write: give a text "
            "without {" + lacking[0] + '}, or let it go on with missing = "empty".'
        )
    if lacking and missing == "skip":
        return ""
    if wrong := _unwritable(_composed(filled)):
        raise ImageError(f"The filter 'watermark_text' {wrong}.")
    return filled


def _drawable(known: Mapping[str, str]) -> Mapping[str, str]:
    """A file may be called anything, and never fails for it: letters of its name that cannot be drawn become "?"."""
    names = {
        field: "".join("?" if _unwritable(letter) else letter for letter in _composed(known[field]))
        for field in NAMES
        if field in known
    }
    return {**known, **names}


def _written(
    image: Image,
    text: str,
    place: Place,
    size: float,
    color: str,
    opacity: float,
    angle: float,
    tile: bool,
    **layout: Any,
) -> Image:
    font = cv2.FontFace("sans")  # it has state, and several threads are here at once: each call makes its own, in 2 ms
    pixels, box = _fitted(font, text, max(1, round(place.height * size / 100)), place.width)
    ink = np.array([*reversed(bytes.fromhex(color[1:]))], np.float32) / np.float32(255)
    if angle or tile:
        return _laid(image, _inked(font, text, pixels, ink, opacity), place, angle, tile=tile, **layout)
    pad = _overhang(pixels)
    stamp = (box[2] + 2 * pad, box[3])
    left, top = _corner(stamp, place, layout["position"], layout["margin"])
    first, last = max(top, place.top), min(top + stamp[1], place.top + image.shape[0])
    if first >= last:
        return image
    canvas = np.zeros((last - first, stamp[0]), np.uint8)
    cv2.putText(canvas, text, (pad, top - box[1] - first), (255, 255, 255), font, pixels, _WEIGHT)
    cover = canvas.astype(np.float32) * np.float32(opacity / 255)
    return _blended(image, cover[:, :, None] * ink, cover, left, first - place.top)


def _inked(font: Any, text: str, pixels: int, ink: Samples, opacity: float) -> tuple[Samples, float, float]:
    """The text as samples of a Mark, and its width and height in the image. Large letters are drawn smaller."""
    drawn = min(pixels, _LARGEST_LETTERS)
    box = cv2.getTextSize(_UNBOUNDED, text, (0, 0), font, drawn, _WEIGHT)
    pad = _overhang(drawn)
    canvas = np.zeros((box[3] + 2, box[2] + 2 * pad), np.uint8)
    cv2.putText(canvas, text, (pad, 1 - box[1]), (255, 255, 255), font, drawn, _WEIGHT)
    cover = canvas.astype(np.float32) * np.float32(opacity / 255)
    samples = np.dstack([cover[:, :, None] * ink, cover])
    return samples, canvas.shape[1] * pixels / drawn, canvas.shape[0] * pixels / drawn


def _laid(
    image: Image,
    mark: tuple[Samples, float, float],
    place: Place,
    angle: float,
    *,
    tile: bool,
    position: str,
    margin: float,
    spacing: float,
) -> Image:
    """The mark turned at its position, in a size at which it fits; or all over the image."""
    samples, width, height = mark
    if tile:
        gap = height * spacing / 100
        return stamped(image, Mark(samples, width, height, angle, place.width / 2, place.height / 2, gap), place)
    across, down = outline(width, height, angle)
    fits = min(1.0, place.width / across, place.height / down)
    width, height, across, down = (side * fits for side in (width, height, across, down))
    left, top = _corner((math.ceil(across), math.ceil(down)), place, position, margin)
    return stamped(image, Mark(samples, width, height, angle, left + across / 2, top + down / 2, None), place)


def _fitted(font: Any, text: str, pixels: int, width: int) -> tuple[int, Sequence[int]]:
    """The largest font size, at most pixels, at which the text fits into width; and the (left, top, width, height) of
    its box in pixels, relative to the start of its baseline.
    """
    while True:
        box = cv2.getTextSize(_UNBOUNDED, text, (0, 0), font, pixels, _WEIGHT)
        needed = box[2] + 2 * _overhang(pixels)
        if needed <= width or pixels == 1:
            return pixels, box
        pixels = max(1, min(pixels - 1, pixels * width // needed))


def _overhang(pixels: int) -> int:
    """How far letters may reach out of their box to the left and right, as the foot of a j does."""
    return pixels // 8 + 1


@register(
    "watermark_image",
    merge=Rows(positioned=True),
    work=_picture_work,
    picture=Picture(),
    scale=Number(20.0, 0.1, 100.0, "percent of the image's width"),
    opacity=_OPACITY,
    position=_POSITION,
    margin=_MARGIN,
    angle=_ANGLE,
    tile=_TILE,
    spacing=_SPACING,
)
def watermark_image(
    image: Image,
    picture: bytes,
    scale: float,
    opacity: float,
    angle: float,
    tile: bool,
    place: Place,
    **layout: Any,
) -> Image:
    """A picture, such as a logo, over the image; it keeps its transparency and never exceeds the image.

    The EXIF of the picture says which way up it is. With tile, it covers the image, spacing apart in percent of its
    height, and position does not matter.
    """
    logo = pictures.decode(picture)
    width, height = _stamp_size(logo, place, scale)
    samples = _premultiplied(logo)
    shrunk = (min(width, logo.shape[1]), min(height, logo.shape[0]))
    if shrunk != (logo.shape[1], logo.shape[0]):
        samples = cv2.resize(samples, shrunk, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if angle or tile:
        faint = samples * np.float32(opacity)
        return _laid(image, (faint, width, height), place, angle, tile=tile, **layout)
    left, top = _corner((width, height), place, layout["position"], layout["margin"])
    first, last = max(top, place.top), min(top + height, place.top + image.shape[0])
    if first >= last:
        return image
    rows = _stretched(_stretched(samples, height, first - top, last - top, axis=0), width, 0, width, axis=1)
    rows *= np.float32(opacity)
    return _blended(image, rows[:, :, :3], rows[:, :, 3], left, first - place.top)


def _stamp_size(logo: Image, place: Place, scale: float) -> tuple[int, int]:
    """Width and height of the logo in the image, in pixels."""
    height, width = logo.shape[:2]
    factor = min(place.width * scale / 100 / width, place.height / height)
    return max(1, min(place.width, round(width * factor))), max(1, min(place.height, round(height * factor)))


def _premultiplied(logo: Image) -> Samples:
    """(h, w, 4) from 0 to 1, colour times alpha: transparent pixels then have no colour that could bleed."""
    samples: Samples = logo.astype(np.float32) / np.float32(255)
    samples[:, :, :3] *= samples[:, :, 3:]
    return samples


def _stretched(samples: Samples, length: int, start: int, stop: int, axis: int) -> Samples:
    """The samples from start to stop of an axis that is stretched to length by linear interpolation. Each sample is
    computed on its own, so that a strip need not make all the rows of a huge stamp.
    """
    count = samples.shape[axis]
    where = np.clip((np.arange(start, stop) + 0.5) * count / length - 0.5, 0, count - 1)
    lower = where.astype(np.intp)
    share = (where - lower).astype(np.float32)
    share = share.reshape([-1 if n == axis else 1 for n in range(samples.ndim)])
    result: Samples = samples.take(lower, axis) * (1 - share)
    result += samples.take(np.minimum(lower + 1, count - 1), axis) * share
    return result


def _corner(stamp: tuple[int, int], place: Place, position: str, margin: float) -> tuple[int, int]:
    """The left and the top of a stamp of (width, height) in the whole image, in pixels."""
    row, column = divmod(_POSITIONS.index(position), 3)
    edge = round(place.height * margin / 100)
    return _along(stamp[0], place.width, column, edge), _along(stamp[1], place.height, row, edge)


def _along(length: int, room: int, third: int, edge: int) -> int:
    """Where length pixels begin in room pixels: third 0 is at the start, 1 in the middle, 2 at the end, each edge
    pixels away from the border while there is room.
    """
    free = max(0, room - length)
    return (min(edge, free), free // 2, max(0, free - edge))[third]


def _blended(image: Image, colour: Samples, cover: Samples, left: int, top: int) -> Image:
    """A copy of the image under premultiplied colour (h, w, 3) and cover (h, w), each from 0 to 1. Columns that reach
    beyond the right edge are cut. numpy rounds each sample alike, wherever it lies.
    """
    result = image.copy()
    under = result[top : top + cover.shape[0], left : left + cover.shape[1]]
    colour, cover = colour[:, : under.shape[1]], cover[:, : under.shape[1]]
    full = np.float32(np.iinfo(image.dtype).max)
    if image.ndim == 2:
        under[:] = np.rint(under * (1 - cover) + (colour * LUMA.astype(np.float32)).sum(axis=2) * full)
    else:
        under[:] = np.rint(under * (1 - cover[:, :, None]) + colour * full)
    return result
