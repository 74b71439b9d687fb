"""The writer of an output, by its format."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import Image
from filterfleet.worker.formats import Carried, Target
from filterfleet.worker.strips.writers.deflate import level_of
from filterfleet.worker.strips.writers.jpeg import LONGEST_SIDE, JpegWriter
from filterfleet.worker.strips.writers.png import PngWriter
from filterfleet.worker.strips.writers.tiff import TiffWriter


class Writer(Protocol):
    """A file in the making."""

    def encode(self, rows: Image) -> Any:
        """The next part, from the rows of one band; changes nothing, and may be called from several threads."""

    def append(self, part: Any) -> None:
        """Called with every part, in order. Raises OSError."""

    def finish(self) -> FileBlob:
        """Raises OSError."""


def open_writer(target: Target, carried: Carried, width: int, height: int, band_rows: int, *, bilevel: bool) -> Writer:
    """For what check_output lets pass. band_rows: every band but the last has so many. bilevel: rows of 0 and 255."""
    match target.format:
        case "jpeg":
            return JpegWriter(width, height, target.quality, carried)
        case "png":
            return PngWriter(width, height, level_of(target.effort), carried, bilevel=bilevel)
        case "tiff":
            return TiffWriter(width, height, level_of(target.effort), band_rows, carried)
    raise ValueError(f"{target.format} is not written in bands")


def check_output(name: str, image_format: str, width: int, height: int) -> None:
    """Raise ImageError for an output that cannot be written in bands."""
    if image_format not in ("jpeg", "png", "tiff"):
        raise ImageError(
            f"Output {name!r}: a {width} x {height} image cannot be stored as {image_format.upper()}, which needs all "
            "of it in memory: choose jpeg, png or tiff."
        )
    if image_format == "jpeg" and max(width, height) > LONGEST_SIDE:
        raise ImageError(
            f"Output {name!r}: a {width} x {height} image cannot be stored as JPEG, whose sides end at {LONGEST_SIDE} "
            "pixels: choose png or tiff."
        )


class Ordered:
    """Gives a writer its parts in order, from threads that finish them in any."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: dict[int, Any] = {}
        self._next = 0

    def put(self, index: int, rows: Image) -> None:
        """The band of this index. Raises OSError."""
        part = self._writer.encode(rows)
        with self._lock:
            self._waiting[index] = part
            while self._next in self._waiting:
                self._writer.append(self._waiting.pop(self._next))
                self._next += 1

    def finish(self) -> FileBlob:
        return self._writer.finish()
