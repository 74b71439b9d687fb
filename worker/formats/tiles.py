"""A pyramid of tiles for viewers that zoom: Microsoft's Deep Zoom, in one file as SZI (the smart zoom image of
Smart In Media): a zip without compression that holds image/image.dzi and image/image_files/LEVEL/COLUMN_ROW.

Rows come from the top, and each level keeps no more of them than its next row of tiles needs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.archive import Archive
from filterfleet.worker.pixels.channels import has_alpha, over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# Pixels of a tile's side without its overlap, and of the overlap with each neighbour. Deep Zoom's usual numbers, which
# make tiles of 256 x 256. More: fewer files. Less: a viewer loads less that it does not show.
TILE, OVERLAP = 254, 1

# Rows that are worked on at once. More: more memory. Less: more calls of libraries for each pixel.
_ROWS = 256

_NAME = "image"  # a source's name cannot be known here: images of the same content share their outputs


class Tiles:
    """It owns a temporary file until finish() hands that over. encode makes a file of this format, jpeg or png, of a
    tile."""

    def __init__(self, width: int, height: int, image_format: str, encode: Callable[[Image], bytes]) -> None:
        """Raises OSError."""
        self._width, self._height, self._opaque = width, height, image_format == "jpeg"
        self._extension = {"jpeg": "jpg", "png": "png"}[image_format]
        self._encode = encode
        self._levels = levels = (max(width, height) - 1).bit_length()
        self._ready: list[tuple[int, int, str, bytes]] = []  # tiles that have come with the last rows
        self._archive = Archive()
        below: _Level | None = None
        for level in range(levels + 1):
            scale = levels - level
            sides = (-(-width >> scale), -(-height >> scale))
            below = _Level(level, *sides, below, self._add)
        assert below is not None
        self._full = below

    def prepared(self, rows: Image) -> Image:
        """Rows as put() takes them: 8 bits, without alpha where tiles have none."""
        rows = to_8_bits(rows)
        return over_white(rows) if self._opaque else rows

    def put(self, rows: Image) -> None:
        """Takes all rows of the image, in order. Raises OSError."""
        for top in range(0, len(rows), _ROWS):
            self._full.put(rows[top : top + _ROWS])
            for _, _, name, tile in sorted(self._ready, key=lambda made: made[:2]):
                self._archive.add(name, tile)
            self._ready.clear()

    def finish(self) -> FileBlob:
        """The file, once all rows are in, which is now the caller's to close. Raises OSError."""
        self._archive.add(f"{_NAME}/{_NAME}.dzi", self._description().encode())
        return self._archive.finish()

    def close(self) -> None:
        """Ends the temporary file, of tiles that nobody will use. A second call does nothing."""
        self._archive.close()

    def _add(self, level: int, column: int, row: int, tile: Image) -> None:
        """Tiles are in the order in which rows of the image complete them, and not in that of the pieces in which these
        rows come: so strips make the very bytes of the whole image."""
        name = f"{_NAME}/{_NAME}_files/{level}/{column}_{row}.{self._extension}"
        rows = min(((row + 1) * TILE + OVERLAP) << (self._levels - level), self._height)
        self._ready.append((rows, -level, name, self._encode(tile)))

    def _description(self) -> str:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{self._extension}" '
            f'Overlap="{OVERLAP}" TileSize="{TILE}">\n'
            f'  <Size Width="{self._width}" Height="{self._height}"/>\n'
            "</Image>\n"
        )


class _Level:
    """One size of the image; below is the level of half the size."""

    def __init__(
        self,
        number: int,
        width: int,
        height: int,
        below: _Level | None,
        add: Callable[[int, int, int, Image], None],
    ) -> None:
        self._number, self._width, self._height, self._below, self._add = number, width, height, below, add
        self._rows: Image | None = None  # those from self._top on that have come and are still needed
        self._top = 0
        self._row = 0  # of tiles, that comes next
        self._halved = 0  # rows that the level below has had

    def put(self, rows: Image) -> None:
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])
        bottom = self._top + len(self._rows)
        while self._row * TILE < self._height and bottom >= min((self._row + 1) * TILE + OVERLAP, self._height):
            self._cut_row()
        self._halve(bottom)
        needed = min(max(self._row * TILE - OVERLAP, 0), self._halved if self._below else bottom)
        self._rows = self._rows[max(needed - self._top, 0) :].copy()
        self._top = max(needed, self._top)

    def _cut_row(self) -> None:
        assert self._rows is not None
        top, bottom = max(self._row * TILE - OVERLAP, 0), min((self._row + 1) * TILE + OVERLAP, self._height)
        rows = self._rows[top - self._top : bottom - self._top]
        for column in range(-(-self._width // TILE)):
            left, right = max(column * TILE - OVERLAP, 0), (column + 1) * TILE + OVERLAP
            self._add(self._number, column, self._row, np.ascontiguousarray(rows[:, left:right]))
        self._row += 1

    def _halve(self, bottom: int) -> None:
        """Gives the level below the rows that are complete."""
        if self._below is None:
            return
        assert self._rows is not None
        end = bottom if bottom == self._height else bottom - bottom % 2
        if end > self._halved:
            rows = self._rows[self._halved - self._top : end - self._top]
            self._halved = end
            self._below.put(_halved(rows))


def _halved(rows: Image) -> Image:
    """The means of squares of 2 x 2 pixels, weighed by alpha; a last row or column counts twice where it is alone."""
    across, down = rows.shape[1] % 2, rows.shape[0] % 2
    if across or down:
        rows = cv2.copyMakeBorder(rows, 0, down, 0, across, cv2.BORDER_REPLICATE)
    height, width = rows.shape[0] // 2, rows.shape[1] // 2
    if not has_alpha(rows):
        return cv2.resize(rows, (width, height), interpolation=cv2.INTER_AREA)
    squares = rows.reshape(height, 2, width, 2, -1).astype(np.uint32)
    alpha = squares[..., -1:]
    weights = alpha.sum(axis=(1, 3))
    sums = (squares[..., :-1] * alpha).sum(axis=(1, 3))
    colours = (sums + weights // 2) // np.maximum(weights, 1)
    return np.concatenate([colours, (weights + 2) // 4], axis=2).astype(np.uint8)
