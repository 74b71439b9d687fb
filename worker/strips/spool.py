"""Where rows come from, and rows that wait on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.strips.span import Span


class RowSource(Protocol):
    """The rows of an image, width and height in pixels. ordered: spans must be read one after the other, each ending
    below the one before; otherwise they may be read in any order, from several threads at once.
    """

    width: int
    height: int
    ordered: bool

    def read(self, span: Span) -> Image:
        """Rows that the caller must not change. Raises ImageError and OSError."""

    def close(self) -> None:
        """Gives up temporary files and decoders. Nothing can be read any more. A second call does nothing."""


class RowSpool:
    """Raw rows in a temporary file, written and read in any order, from any thread."""

    ordered = False

    def __init__(self, width: int, height: int) -> None:
        """Raises OSError."""
        self.width, self.height = width, height
        self._file = FileBlob()
        self._dtype = np.dtype(np.uint8)
        self._row: tuple[int, ...] = ()  # the shape of a row, known once one is written

    def write(self, top: int, rows: Image) -> None:
        """Raises OSError."""
        self._row, self._dtype = rows.shape[1:], rows.dtype
        self._file.write(top * rows[0].nbytes, np.ascontiguousarray(rows).data.cast("B"))

    def read(self, span: Span) -> Image:
        return rows_in(self._file, 0, span, self._row, self._dtype)

    def close(self) -> None:
        self._file.close()


def rows_in(file: FileBlob, start: int, span: Span, row: tuple[int, ...], dtype: np.dtype[Any]) -> Image:
    """Rows of a raw image that begins at an offset of a file. row is the shape of one. Raises OSError."""
    length = math.prod(row) * dtype.itemsize
    data = file.read(start + span.top * length, len(span) * length)
    return np.frombuffer(data, dtype).reshape(len(span), *row)


class Mapped:
    """A source whose rows are a function of another's. Each row of the result depends on the same row only."""

    def __init__(self, source: RowSource, function: Callable[[Image], Image]) -> None:
        self.width, self.height, self.ordered = source.width, source.height, source.ordered
        self._source, self._function = source, function

    def read(self, span: Span) -> Image:
        return self._function(self._source.read(span))

    def close(self) -> None:
        self._source.close()
