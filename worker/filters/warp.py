"""An image turned by any angle.

Each pixel of the result is computed from the image's pixels around the place where it comes from. Places are rounded to
1/32 of a pixel, from the image's corner, so that they do not depend on where a strip begins. Beyond its edges the image
is continued by a colour, into which its outermost pixels fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterfleet.worker.filters.merge import Drawing, Source
from filterfleet.worker.pixels.channels import as_colour, has_alpha
from filterfleet.worker.pixels.depth import nearest_levels
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

INTERPOLATIONS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}

_TILE = 256  # pixels of the result's side that are computed at once. cv2.remap counts places in 16 bits.
_REACH = 3  # pixels around a place at which the interpolations look
_PARTS = 32  # of a pixel, as cv2.remap rounds


@dataclass(frozen=True, slots=True)
class Paper:
    """What is beyond the edges of an image: a colour "#rrggbb", and an opacity for images with transparency."""

    color: str
    opacity: float

    @property
    def colourful(self) -> bool:
        return len(set(bytes.fromhex(self.color[1:]))) > 1

    def levels(self, image: Image) -> list[int]:
        """A pixel of it, in the image's depth and channels, not multiplied by alpha. With an opacity of 0, it
        has no colour: pixels that are mixed of nothing else get none either.
        """
        depth = int(np.iinfo(image.dtype).max) // 255
        alpha = round(self.opacity * 255) if has_alpha(image) else 255
        blue, green, red = (level * depth if alpha else 0 for level in reversed(bytes.fromhex(self.color[1:])))
        colours = [blue, green, red] if image.ndim == 3 and image.shape[2] > 2 else [blue]
        return [*colours, alpha * depth] if has_alpha(image) else colours


def is_quarter(angle: float) -> bool:
    """Whether the angle, in degrees, is a whole number of quarter turns."""
    return angle % 90 == 0


def turned_size(width: int, height: int, angle: float, fit: str) -> tuple[int, int]:
    """The (width, height) of an image that is turned by the angle. expand: all of the image fits in; inside: nothing
    else does; keep: as it was. Quarter turns are exact whatever fit says.
    """
    if is_quarter(angle):
        return (width, height) if angle % 180 == 0 else (height, width)
    sine, cosine = (abs(function(math.radians(angle))) for function in (math.sin, math.cos))
    match fit:
        case "expand":
            return math.ceil(width * cosine + height * sine - 1e-9), math.ceil(width * sine + height * cosine - 1e-9)
        case "inside":
            across, down = _largest_within(width, height, sine, cosine)
            return max(1, math.floor(across + 1e-9)), max(1, math.floor(down + 1e-9))
    return width, height


def _largest_within(width: int, height: int, sine: float, cosine: float) -> tuple[float, float]:
    """The upright rectangle with the largest area within the turned image: two of its corners touch the longer sides,
    or all four touch a side each.
    """
    longer, shorter = max(width, height), min(width, height)
    if shorter <= 2 * sine * cosine * longer or abs(sine - cosine) < 1e-10:
        half = 0.5 * shorter
        return (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    double = cosine * cosine - sine * sine
    return (width * cosine - height * sine) / double, (height * cosine - width * sine) / double


def turned(source: Source, angle: float, fit: str, interpolation: str, paper: Paper) -> Drawing:
    """The image, turned clockwise by an angle in degrees."""
    width, height = turned_size(source.width, source.height, angle, fit)
    if is_quarter(angle):
        return Drawing(width, height, lambda first, last: _quarters(source, int(angle // 90) % 4, first, last))
    turn = _Turn(source, math.radians(angle), width, height, INTERPOLATIONS[interpolation], paper)
    return Drawing(width, height, turn.rows)


def _quarters(source: Source, turns: int, first: int, last: int) -> Image:
    """Rows of the image after this many quarter turns, clockwise."""
    width, height = source.width, source.height
    match turns:
        case 0:
            box = (0, first, width, last)
        case 1:
            box = (first, 0, last, height)
        case 2:
            box = (0, height - last, width, height - first)
        case _:
            box = (width - last, 0, width - first, height)
    return np.ascontiguousarray(np.rot90(source.read(*box), -turns))


@dataclass(frozen=True, slots=True)
class _Turn:
    source: Source
    radians: float
    width: int
    height: int
    interpolation: int
    paper: Paper

    def rows(self, first: int, last: int) -> Image:
        pixel = self._drawable(self.source.read(0, 0, 1, 1))
        result = np.empty((last - first, self.width, *pixel.shape[2:]), pixel.dtype)
        for top in range(first, last, _TILE):
            for left in range(0, self.width, _TILE):
                right, bottom = min(left + _TILE, self.width), min(top + _TILE, last)
                result[top - first : bottom - first, left:right] = self._tile(left, top, right, bottom)
        return result

    def _tile(self, left: int, top: int, right: int, bottom: int) -> Image:
        across, down = self._places(left, top, right, bottom)
        box = (
            max(0, int(across.min()) // _PARTS - _REACH),
            max(0, int(down.min()) // _PARTS - _REACH),
            min(self.source.width, int(across.max()) // _PARTS + _REACH + 1),
            min(self.source.height, int(down.max()) // _PARTS + _REACH + 1),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            pixel = self._drawable(self.source.read(0, 0, 1, 1))
            return np.broadcast_to(
                np.array(self.paper.levels(pixel), pixel.dtype), (bottom - top, right - left, max(1, pixel[0, 0].size))
            ).reshape(bottom - top, right - left, *pixel.shape[2:])
        image = self._drawable(self.source.read(*box))
        return self._gathered(image, across - box[0] * _PARTS, down - box[1] * _PARTS)

    def _places(self, left: int, top: int, right: int, bottom: int) -> tuple[Any, Any]:
        """Where the pixels of the result come from, across and down, in parts of a pixel from the middle of the first
        one; int64.
        """
        sine, cosine = math.sin(self.radians), math.cos(self.radians)
        x = (np.arange(left, right) + 0.5 - self.width / 2)[None, :]
        y = (np.arange(top, bottom) + 0.5 - self.height / 2)[:, None]
        across = cosine * x + sine * y + (self.source.width - 1) / 2
        down = cosine * y - sine * x + (self.source.height - 1) / 2
        return np.rint(across * _PARTS).astype(np.int64), np.rint(down * _PARTS).astype(np.int64)

    def _drawable(self, image: Image) -> Image:
        return np.ascontiguousarray(as_colour(image) if self.paper.colourful else image)

    def _gathered(self, image: Image, across: Any, down: Any) -> Image:
        paper = self.paper.levels(image)
        if has_alpha(image):
            top = np.iinfo(image.dtype).max
            samples = image.astype(np.float64)
            samples[:, :, :-1] *= samples[:, :, -1:] / top
            weighed = [*(level * paper[-1] / top for level in paper[:-1]), paper[-1]]
            found = self._remapped(samples, across, down, weighed)
            alpha = found[:, :, -1:]
            np.divide(found[:, :, :-1] * top, alpha, out=found[:, :, :-1], where=alpha > 0)
            return nearest_levels(found, image.dtype)
        if image.dtype == np.uint16:
            return nearest_levels(self._remapped(image.astype(np.float64), across, down, paper), image.dtype)
        made: Image = self._remapped(image, across, down, paper)
        return made

    def _remapped(self, samples: Any, across: Any, down: Any, paper: list[Any]) -> Any:
        parts: Any = (down % _PARTS * _PARTS + across % _PARTS).astype(np.uint16)
        if self.interpolation == cv2.INTER_NEAREST:
            across, down, parts = across + _PARTS // 2, down + _PARTS // 2, None
        whole = np.dstack([across // _PARTS, down // _PARTS]).astype(np.int16)
        return cv2.remap(
            samples, whole, parts, self.interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=paper
        ).reshape(*across.shape, *samples.shape[2:])
