"""Rows that wait on disk, and the sources that rows come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.filters import Image
from filterfleet.worker.strips.span import Span


class RowSource(Protocol):
    """Where the rows of an image come from. ordered: spans have to be read downward, one at a time."""

    width: int
    height: int
    ordered: bool

    def read(self, span: Span) -> Image:
        """Not to be changed. Raises ImageError and OSError."""


class RowSpool:
    """Raw rows in a temporary file, written and read in any order, from any thread."""

    ordered = False

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._file = FileBlob()
        self._dtype = np.dtype(np.uint8)
        self._row: tuple[int, ...] = ()  # the shape of a row, known once one is written

    def write(self, top: int, rows: Image) -> None:
        """Raises OSError."""
        self._row, self._dtype = rows.shape[1:], rows.dtype
        self._file.write(top * rows[0].nbytes, np.ascontiguousarray(rows).data.cast("B"))

    def read(self, span: Span) -> Image:
        length = int(np.prod(self._row)) * self._dtype.itemsize
        data = self._file.read(span.top * length, len(span) * length)
        return np.frombuffer(data, self._dtype).reshape(len(span), *self._row)


class Mapped:
    """A source with a function on its rows, each of which depends on itself alone."""

    def __init__(self, source: RowSource, function: Callable[[Image], Image]) -> None:
        self.width, self.height, self.ordered = source.width, source.height, source.ordered
        self._source, self._function = source, function

    def read(self, span: Span) -> Image:
        return self._function(self._source.read(span))
