"""EXIF orientation in bounded memory: rows that become columns wait in a temporary file."""

from __future__ import annotations

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.filters import Image
from filterfleet.worker.formats.orientation import upright as turned
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import Mapped, RowSource, RowSpool

_ROWS = 128  # of the source at a time


def upright(source: RowSource, orientation: int) -> RowSource:
    """The source with its EXIF orientation (1 to 8) applied. Unless that is 1 or 2, all of the source is read here
    and now. Raises ImageError and OSError."""
    if orientation == 1:
        return source
    if orientation == 2:
        return Mapped(source, lambda rows: turned(rows, 2))
    spans = [Span(top, min(top + _ROWS, source.height)) for top in range(0, source.height, _ROWS)]
    if orientation in (3, 4):
        spool = RowSpool(source.width, source.height)
        for span in spans:
            spool.write(source.height - span.bottom, turned(source.read(span), orientation))
        return spool
    columns = Columns(source.height, source.width)
    for span in spans:
        columns.append(turned(source.read(span), orientation))
    if orientation in (6, 7):
        columns.reverse()
    return columns


class Columns:
    """A source (worker.strips.spool.RowSource) of rows, from blocks of columns (height, some, ...) of full height."""

    ordered = False

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._file = FileBlob()
        self._blocks: list[tuple[int, tuple[int, ...]]] = []  # where each lies, and the shape of its rows
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
        return np.concatenate([self._part(start, row, span) for start, row in self._blocks], axis=1)

    def _part(self, start: int, row: tuple[int, ...], span: Span) -> Image:
        length = int(np.prod(row)) * self._dtype.itemsize
        data = self._file.read(start + span.top * length, len(span) * length)
        return np.frombuffer(data, self._dtype).reshape(len(span), *row)
