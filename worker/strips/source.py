"""Image files to rows, from the first to the last, by libvips: no more than a few rows are in memory."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pyvips

from common.blob import Blob, read
from common.errors import ImageError
from common.recipe import Damaged
from worker.filters import Image
from worker.formats.header import Header
from worker.opencv import cv2
from worker.strips.span import Span

_PIECE = 16  # rows fetched at once: libvips keeps a few buffers of that size
_DTYPE = {"uchar": np.uint8, "ushort": np.uint16}
_ORDER = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}

pyvips.cache_set_max(0)  # no operation is ever repeated, and a cached one keeps its buffers


class Decoded:
    """A source (worker.strips.spool.Source) of an image file's rows, as stored: orientation is not applied."""

    ordered = True

    def __init__(self, blob: Blob, header: Header, damaged: Damaged) -> None:
        """Raises ImageError, as read does."""
        self._format = header.format.upper()
        if header.cmyk:
            raise ImageError(f"A CMYK {self._format} file of this size cannot be processed: convert it to RGB.")
        self._file = _File(blob)
        with self._damage_told():
            self._image = self._file.open(_fail_on(header.format, damaged))
        self.width, self.height = self._image.width, self._image.height
        if (self.width, self.height) != (header.width, header.height) or self._image.format not in _DTYPE:
            raise ImageError(f"The {self._format} file has pixels of a kind that cannot be processed at this size.")
        self._shape: tuple[int, ...] = (self.width, self._image.bands)[: 1 + (self._image.bands > 1)]
        self._dtype = _DTYPE[self._image.format]
        self._last = np.empty((0, *self._shape), self._dtype)  # the rows above self._next, of the last span
        self._next = 0

    def read(self, span: Span) -> Image:
        rows = np.empty((len(span), *self._shape), self._dtype)
        known = max(self._next - span.top, 0)
        rows[:known] = self._last[len(self._last) - known :]
        self._next = max(self._next, span.top)
        with self._damage_told():
            while self._next < span.bottom:
                count = min(_PIECE, span.bottom - self._next)
                self._fetch(rows[self._next - span.top :][:count])
                self._next += count
        self._last = rows
        return rows

    def _fetch(self, target: Image) -> None:
        region = pyvips.Region.new(self._image)  # a region belongs to one thread
        data = region.fetch(0, self._next, self.width, len(target))
        rows = np.frombuffer(data, self._dtype).reshape(target.shape)
        if (order := _ORDER.get(self._image.bands)) is None:
            target[:] = rows
        else:
            cv2.cvtColor(rows, order, dst=target)

    @contextlib.contextmanager
    def _damage_told(self) -> Any:
        try:
            yield
        except pyvips.Error:
            if self._file.error:
                raise self._file.error from None
            raise ImageError(f"The {self._format} file is damaged or cut short.") from None


def _fail_on(image_format: str, damaged: Damaged) -> str:
    """libvips calls a JPEG with damage in its middle a warning, and so is an odd tag of a sound TIFF."""
    if damaged is Damaged.ACCEPT:
        return "none"
    return "warning" if image_format == "jpeg" else "error"


class _File:
    """A blob as libvips reads it: new_from_file would map all of it into memory."""

    def __init__(self, blob: Blob) -> None:
        self.error: OSError | None = None  # what the disk said; exceptions do not pass through C
        self._blob = blob
        self._position = 0

    def open(self, fail_on: str) -> Any:
        source = pyvips.SourceCustom()
        source.on_read(self._read)
        source.on_seek(self._seek)
        return pyvips.Image.new_from_source(source, "", access="sequential", fail_on=fail_on)

    def _read(self, length: int) -> bytes:
        try:
            data = bytes(read(self._blob, self._position, length))
        except OSError as error:
            self.error = error
            return b""
        self._position += len(data)
        return data

    def _seek(self, offset: int, whence: int) -> int:
        self._position = (0, self._position, len(self._blob))[whence] + offset
        return self._position
