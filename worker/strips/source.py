"""Image files to rows, from the first to the last, by libvips. Only a few rows are in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from filterfleet.common.blob import Blob
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import Header
from filterfleet.worker.formats.damage import damaged as damaged_file
from filterfleet.worker.formats.damage import damaged_pixels
from filterfleet.worker.formats.faults import told
from filterfleet.worker.formats.jpeg_strays import without_strays
from filterfleet.worker.formats.lazy import empty_rows, open_pixels, to_array
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.strips.span import Span

_PIECE = 8  # rows fetched at once: a row of a JPEG's blocks. libvips keeps a few buffers of this size


class Decoded:
    """A RowSource of an image file's rows, as stored: orientation is not applied."""

    ordered = True

    def __init__(self, blob: Blob, header: Header, damaged: Damaged) -> None:
        """Raises ImageError and OSError, as read does."""
        self._format = header.format
        self._policy = damaged
        self._disk: list[OSError] = []
        self._copy = without_strays(blob) if header.format == "jpeg" else None
        with self._damage_told():
            self._image: Any = open_pixels(blob if self._copy is None else self._copy, header, damaged, self._disk)
        self.width, self.height = self._image.width, self._image.height
        if (self.width, self.height, self._image.bands) != (header.width, header.height, header.bands):
            raise damaged_file(self._format)
        self._last = empty_rows(self._image, 0)  # rows of the span read last, down to self._next
        self._next = 0

    def read(self, span: Span) -> Image:
        rows = empty_rows(self._image, len(span))
        known = max(self._next - span.top, 0)
        rows[:known] = self._last[len(self._last) - known :]
        self._next = max(self._next, span.top)
        with self._damage_told():
            while self._next < span.bottom:
                count = min(_PIECE, span.bottom - self._next)
                # A new one each time: a region belongs to one thread, and keeps its buffers while it lives.
                fetched = pyvips.Region.new(self._image).fetch(0, self._next, self.width, count)
                rows[self._next - span.top :][:count] = to_array(fetched, self._image)
                self._next += count
        self._last = rows
        return rows

    def close(self) -> None:
        """Ends the decoder; the blob is still its owner's."""
        self._image = None
        self._last = self._last[:0].copy()
        if self._copy is not None:
            self._copy.close()

    @contextlib.contextmanager
    def _damage_told(self) -> Iterator[None]:
        """libvips' errors become ours. An error of the disk comes first: where damage is accepted, it looks like the
        end of the file.
        """
        try:
            with told(self._format):
                yield
        except pyvips.Error:
            if not self._disk:
                raise damaged_pixels(self._format, self._policy) from None
        if self._disk:
            raise self._disk[0]
