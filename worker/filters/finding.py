"""Filters that keep a part of the image which they look for in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters.drawing import drawn, part, pieces, reduced
from filterfleet.worker.filters.merge import Drawing, Gathered, Source
from filterfleet.worker.filters.parameters import Choice, Color, Integer, Number
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.pixels.channels import has_alpha, to_rgb_order
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.settings import MAX_SIDE

# --- trim -----------------------------------------------------------------------------------------------------------

_CORNER = "corner"


def _trimmed(source: Source, color: str, threshold: float, margin: int, empty: str) -> Drawing:
    box = _content(source, color, threshold)
    if box is None and empty == "refuse":
        raise ImageError(
            "The filter 'trim' leaves nothing of the image, which is all border: give a lower threshold or another "
            'color, or let it keep such images with empty = "keep".'
        )
    left, top, right, bottom = box or (0, 0, source.width, source.height)
    left, top = max(0, left - margin), max(0, top - margin)
    right, bottom = min(source.width, right + margin), min(source.height, bottom + margin)
    return part(source, left, top, right - left, bottom - top)


def _content(source: Source, color: str, threshold: float) -> tuple[int, int, int, int] | None:
    """The smallest box (left, top, right, bottom) around all pixels that are not border; None if all are."""
    corner = source.read(0, 0, 1, 1)
    paper, top_level = _paper(corner[0, 0], color), float(np.iinfo(corner.dtype).max)
    columns, rows = np.zeros(source.width, np.bool_), np.zeros(source.height, np.bool_)
    for top, bottom in pieces(source):
        seen = _differs(source.read(0, top, source.width, bottom), paper, threshold / 255 * top_level)
        columns |= seen.any(axis=0)
        rows[top:bottom] = seen.any(axis=1)
    if not rows.any():
        return None
    across, down = np.flatnonzero(columns), np.flatnonzero(rows)
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def _paper(corner: Any, color: str) -> Any:
    """The border's colour in the image's levels, gray or BGR; None if everything but transparency counts."""
    channels = corner.reshape(-1)
    if color != _CORNER:
        levels = [level * (int(np.iinfo(corner.dtype).max) // 255) for level in reversed(bytes.fromhex(color[1:]))]
        return np.array(levels, np.float32)
    if len(channels) in (2, 4):
        return None if channels[-1] == 0 else channels[:-1].astype(np.float32)
    return channels.astype(np.float32)


def _differs(image: Image, paper: Any, threshold: float) -> Any:
    """Which pixels, laid over the border's colour, differ from it by more than a threshold in some channel."""
    full = float(np.iinfo(image.dtype).max)
    if not has_alpha(image):
        colours, cover = (image[:, :, None] if image.ndim == 2 else image), None
    else:
        colours, cover = image[:, :, :-1], image[:, :, -1].astype(np.float32) / np.float32(full)
    if paper is None:
        assert cover is not None
        return cover * full > threshold
    distance = np.zeros(image.shape[:2], np.float32)
    for channel, level in enumerate(paper):
        plane = colours[:, :, min(channel, colours.shape[2] - 1)]
        np.maximum(distance, np.abs(plane.astype(np.float32) - level), out=distance)
    return (distance if cover is None else distance * cover) > threshold


def _as_it_is(width: int, height: int, **_values: Any) -> tuple[int, int]:
    return width, height


@register(
    "trim",
    merge=Gathered(_trimmed, _as_it_is, certain=False),
    work=0.5,
    alpha=Alpha.FILTERED,
    keeps_bilevel=True,
    color=Color(_CORNER, word=_CORNER),
    threshold=Number(10.0, 0.0, 255.0, "8-bit levels"),
    margin=Integer(0, 0, 10_000, "pixels of the border that stay"),
    empty=Choice("refuse", ("refuse", "keep")),
)
def trim(image: Image, **values: Any) -> Image:
    """Cuts off the border: what is of one colour on each side, up to the first pixel that is not.

    The colour is given, or that of the upper left pixel. A pixel is border if, laid over that colour, no channel
    differs from it by more than a threshold; so transparent pixels are border. An image that is nothing but border is
    refused, or kept as it is.

    Raises ImageError for an image that is refused.
    """
    return drawn(image, _trimmed, **values)


# --- smart_crop -----------------------------------------------------------------------------------------------------

# The longest side of the copy that is looked at, in pixels. A larger value finds smaller things, and takes more time.
_SIDE = 512

_INTERESTS = ("attention", "entropy")


def _kept_size(image_width: int, image_height: int, width: int, height: int, **_values: Any) -> tuple[int, int]:
    return min(width or image_width, image_width), min(height or image_height, image_height)


def _interesting(source: Source, width: int, height: int, by: str) -> Drawing:
    width, height = _kept_size(source.width, source.height, width, height)
    if (width, height) == (source.width, source.height):
        return part(source, 0, 0, width, height)
    copy, block = reduced(source, _SIDE, 128)
    left, top = _corner(copy, max(1, round(width / block)), max(1, round(height / block)), by)
    left, top = min(left * block, source.width - width), min(top * block, source.height - height)
    return part(source, left, top, width, height)


def _corner(copy: Image, width: int, height: int, by: str) -> tuple[int, int]:
    """The left and the top of the part of this size that libvips chooses."""
    from filterfleet.worker.pixels.vips import pyvips  # 40 ms, and no other filter needs it

    width, height = min(width, copy.shape[1]), min(height, copy.shape[0])
    samples = np.ascontiguousarray(to_rgb_order(copy))
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    lazy = pyvips.Image.new_from_memory(samples.data, copy.shape[1], copy.shape[0], bands, "uchar")
    chosen = lazy.copy(interpretation="b-w" if bands == 1 else "srgb").smartcrop(width, height, interesting=by)
    return -chosen.xoffset, -chosen.yoffset


def _no_part(width: int, height: int, **_values: Any) -> str | None:
    return None if width or height else "needs a width, a height or both"


@register(
    "smart_crop",
    merge=Gathered(_interesting, _kept_size),
    work=1.0,
    alpha=Alpha.FILTERED,
    keeps_bilevel=True,
    refuses=_no_part,
    width=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    height=Integer(0, 0, MAX_SIDE, "pixels; 0 keeps the image's"),
    by=Choice("attention", _INTERESTS),
)
def smart_crop(image: Image, **values: Any) -> Image:
    """Keeps the part of width x height pixels that is worth most: what draws the eye, or what has most detail.

    attention looks for edges, strong colours and tones of skin, entropy cuts off the sides with least detail; both are
    libvips' smartcrop, on a copy whose longer side has about 512 pixels. A part that is larger than the image ends at
    the image's edges. Let resize with fit outside precede it, to fill a size with as much as possible.
    """
    return drawn(image, _interesting, **values)
