"""A pyramid of tiles for viewers that zoom, in one zip: each level has half the sides of the one above it. A layout
says which levels and tiles there are, and how their files are called.

Rows come from the top, and each level keeps no more of them than its next row of tiles needs, or all where the layout
has the level as one image as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.archive import Archive
from filterfleet.worker.pixels.channels import has_alpha, over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# Rows that are worked on at once. More: more memory. Less: more calls of libraries for each pixel.
_ROWS = 256


class Layout(Protocol):
    """tile is a tile's side in pixels without its overlap, and overlap what it shares with each neighbour. halvings is
    how often the smallest level is halved. A level is called by how often it is halved, from 0."""

    tile: int
    overlap: int
    halvings: int

    def tile_name(self, halved: int, column: int, row: int) -> str:
        """The name of a tile's file."""

    def whole_names(self, halved: int) -> Sequence[str]:
        """The names of the files that have the level as one image, which is held in memory if there are any."""

    def description(self) -> tuple[str, str]:
        """The name and the text of the file that tells viewers of all others."""


class Tiles:
    """It owns a temporary file until finish() hands that over. encode makes a file of an image. opaque: files have no
    alpha."""

    def __init__(
        self, width: int, height: int, layout: Layout, encode: Callable[[Image], bytes], *, opaque: bool
    ) -> None:
        """Raises OSError."""
        self._height, self._layout, self._encode, self._opaque = height, layout, encode, opaque
        self._ready: list[tuple[int, int, Sequence[str], bytes]] = []  # files that have come with the last rows
        self._archive = Archive()
        below: _Level | None = None
        for halved in range(layout.halvings, -1, -1):
            below = _Level(halved, -(-width >> halved), -(-height >> halved), layout, below, self._add)
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
            for _, _, names, file in sorted(self._ready, key=lambda made: made[:2]):
                for name in names:
                    self._archive.add(name, file)
            self._ready.clear()

    def finish(self) -> FileBlob:
        """The file, once all rows are in, which is now the caller's to close. Raises OSError."""
        name, text = self._layout.description()
        self._archive.add(name, text.encode())
        return self._archive.finish()

    def close(self) -> None:
        """Ends the temporary file, of tiles that nobody will use. A second call does nothing."""
        self._archive.close()

    def _add(self, halved: int, bottom: int, names: Sequence[str], image: Image) -> None:
        """Files are in the order in which rows of the image complete them, and not in that of the pieces in which these
        rows come: so strips make the very bytes of the whole image. bottom is below the last row of the level that the
        file has."""
        self._ready.append((min(bottom << halved, self._height), halved, names, self._encode(image)))


class _Level:
    """One size of the image; below is the level of half the size."""

    def __init__(
        self,
        halved: int,
        width: int,
        height: int,
        layout: Layout,
        below: _Level | None,
        add: Callable[[int, int, Sequence[str], Image], None],
    ) -> None:
        self._times, self._width, self._height, self._below, self._add = halved, width, height, below, add
        self._layout, self._tile, self._overlap = layout, layout.tile, layout.overlap
        self._whole_names = layout.whole_names(halved)
        self._gathered: list[Image] = []  # all rows, of a level that is one image as well
        self._rows: Image | None = None  # those from self._top on that have come and are still needed
        self._top = 0
        self._row = 0  # of tiles, that comes next
        self._halved = 0  # rows that the level below has had

    def put(self, rows: Image) -> None:
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])
        bottom = self._top + len(self._rows)
        while self._row * self._tile < self._height and bottom >= self._next_row()[1]:
            self._cut_row()
        if self._whole_names:
            self._gather(rows, bottom)
        self._halve(bottom)
        needed = min(self._next_row()[0], self._halved if self._below else bottom)
        self._rows = self._rows[max(needed - self._top, 0) :].copy()
        self._top = max(needed, self._top)

    def _next_row(self) -> tuple[int, int]:
        """Where the rows of pixels begin and end that the next row of tiles has."""
        top = self._row * self._tile
        return max(top - self._overlap, 0), min(top + self._tile + self._overlap, self._height)

    def _cut_row(self) -> None:
        assert self._rows is not None
        top, bottom = self._next_row()
        rows = self._rows[top - self._top : bottom - self._top]
        for column in range(-(-self._width // self._tile)):
            left, right = max(column * self._tile - self._overlap, 0), (column + 1) * self._tile + self._overlap
            name = self._layout.tile_name(self._times, column, self._row)
            self._add(self._times, bottom, [name], np.ascontiguousarray(rows[:, left:right]))
        self._row += 1

    def _gather(self, rows: Image, bottom: int) -> None:
        self._gathered.append(rows.copy())
        if bottom == self._height:
            image = np.concatenate(self._gathered)
            self._gathered.clear()
            self._add(self._times, bottom, self._whole_names, image)

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
