"""An image in a temporary file, of which any part can be read at the price of little more than that part."""

from __future__ import annotations

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.filters.merge import Drawing
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import rows_in

# Columns that lie together in the file. A larger value reads more of the image beside what is asked for; with a smaller
# one, strips are written in more pieces.
_COLUMNS = 128


class Blocks:
    """A Source of strips of rows, written in any order, from any thread. The file has a block of columns, from the
    first row to the last, after the other.
    """

    def __init__(self, width: int, height: int) -> None:
        """Raises OSError."""
        self.width, self.height = width, height
        self._file = FileBlob()
        self._dtype = np.dtype(np.uint8)
        self._pixel: tuple[int, ...] = ()  # the shape of a pixel, known once one is written
        self._bytes = 1  # of a pixel

    def write(self, top: int, rows: Image) -> None:
        """Raises OSError."""
        self._dtype, self._pixel, self._bytes = rows.dtype, rows.shape[2:], rows[0, 0].nbytes
        for left, right in self._blocks(0, self.width):
            block = np.ascontiguousarray(rows[:, left:right])
            self._file.write(self._offset(left) + top * block[0].nbytes, block.data.cast("B"))

    def read(self, left: int, top: int, right: int, bottom: int) -> Image:
        """Raises OSError."""
        parts = []
        for start, stop in self._blocks(left, right):
            row = (stop - start, *self._pixel)
            block = rows_in(self._file, self._offset(start), Span(top, bottom), row, self._dtype)
            parts.append(block[:, max(left - start, 0) : right - start])
        return np.concatenate(parts, axis=1)

    def close(self) -> None:
        self._file.close()

    def _blocks(self, left: int, right: int) -> list[tuple[int, int]]:
        """The first columns, and those after the last, of the blocks that hold some of these columns."""
        starts = range(left // _COLUMNS * _COLUMNS, right, _COLUMNS)
        return [(start, min(start + _COLUMNS, self.width)) for start in starts]

    def _offset(self, left: int) -> int:
        return left * self.height * self._bytes


class Drawn:
    """The RowSource that is drawn from the blocks, which it owns."""

    ordered = False

    def __init__(self, blocks: Blocks, drawing: Drawing) -> None:
        self.width, self.height = drawing.width, drawing.height
        self._blocks, self._drawing = blocks, drawing

    def read(self, span: Span) -> Image:
        return self._drawing.rows(span.top, span.bottom)

    def close(self) -> None:
        self._blocks.close()
