"""EXIF orientation in bounded memory: rows that become columns wait in a temporary file."""

from __future__ import annotations

import contextlib

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.orientation import upright as turned
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import Mapped, RowSource, RowSpool, rows_in

_ROWS, _FEWEST = 128, 8  # of the source, turned at once
_PIXELS = 2_500_000  # turned at once, unless _FEWEST rows have more


def upright(source: RowSource, orientation: int) -> RowSource:
    """The source with its EXIF orientation (1 to 8) applied. The result owns the source: if the orientation is 1 or 2,
    it closes the source when it is closed; otherwise the source is read and closed here. Raises ImageError and OSError.
    """
    if orientation == 1:
        return source
    if orientation == 2:
        return Mapped(source, lambda rows: turned(rows, 2))
    with contextlib.closing(source):
        return _upside_down(source, orientation) if orientation in (3, 4) else _sideways(source, orientation)


def _upside_down(source: RowSource, orientation: int) -> RowSource:
    with closed_on_error(RowSpool(source.width, source.height)) as spool:
        for span in _spans(source):
            spool.write(source.height - span.bottom, turned(source.read(span), orientation))
    return spool


def _sideways(source: RowSource, orientation: int) -> RowSource:
    with closed_on_error(Columns(source.height, source.width)) as columns:
        for span in _spans(source):
            columns.append(turned(source.read(span), orientation))
    if orientation in (6, 7):
        columns.reverse()
    return columns


def rows_at_once(width: int) -> int:
    """How many rows of a source of this width are turned at once. More of them make fewer blocks to read from."""
    return max(_FEWEST, min(_ROWS, _PIXELS // width))


def _spans(source: RowSource) -> list[Span]:
    rows = rows_at_once(source.width)
    return [Span(top, min(top + rows, source.height)) for top in range(0, source.height, rows)]


class Columns:
    """A RowSource made of blocks of columns, each of full height, side by side in a temporary file."""

    ordered = False

    def __init__(self, width: int, height: int) -> None:
        """Raises OSError."""
        self.width, self.height = width, height
        self._file = FileBlob()
        self._blocks: list[tuple[int, tuple[int, ...]]] = []  # offset of each in the file, and the shape of its rows
        self._dtype = np.dtype(np.uint8)

    def append(self, block: Image) -> None:
        """The next block to the right. Raises OSError."""
        self._blocks.append((len(self._file), block.shape[1:]))
        self._dtype = block.dtype
        self._file.append(block.data.cast("B"))

    def reverse(self) -> None:
        """The last block becomes the leftmost."""
        self._blocks.reverse()

    def read(self, span: Span) -> Image:
        parts = [rows_in(self._file, start, span, row, self._dtype) for start, row in self._blocks]
        return np.concatenate(parts, axis=1)

    def close(self) -> None:
        self._file.close()
