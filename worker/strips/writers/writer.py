"""The writer of an output, by its format, and the order in which it gets its bands."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import Carried, Target
from filterfleet.worker.formats.deflate import level_of
from filterfleet.worker.formats.metadata import stating
from filterfleet.worker.formats.sides import check_sides
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.strips.writers.jpeg import JpegWriter
from filterfleet.worker.strips.writers.png import PngWriter
from filterfleet.worker.strips.writers.tiff import TiffWriter
from filterfleet.worker.strips.writers.tiles import TilesWriter


class Writer(Protocol):
    """A file in the making. It owns a temporary file until finish() hands that over."""

    def encode(self, rows: Image) -> Any:
        """The next part of the file, from the rows of one band. Changes nothing; may be called from several threads."""

    def append(self, part: Any) -> None:
        """Takes every part, in order; never called by two threads at once. Raises OSError."""

    def finish(self) -> FileBlob:
        """The file, which is now the caller's to close. Raises OSError."""

    def close(self) -> None:
        """Ends the temporary file, of a writer whose file nobody will use. A second call does nothing."""


def open_writer(target: Target, carried: Carried, width: int, height: int, band_rows: int, *, bilevel: bool) -> Writer:
    """A writer for an output that check_output lets pass, of width x height pixels. Every band but the last has
    band_rows rows. bilevel: all samples are 0 or 255. Raises OSError.
    """
    carried = stating(carried, target.options.dpi)
    match target.format:
        case "jpeg":
            return JpegWriter(width, height, target, carried)
        case "szi" | "iiif":
            return TilesWriter(width, height, target)
        case "png":
            return PngWriter(width, height, level_of(target.effort), carried, bilevel=bilevel)
        case "tiff":
            return TiffWriter(width, height, level_of(target.effort), band_rows, carried)
    raise ValueError(f"{target.format} cannot be written in bands")


def check_output(name: str, target: Target, width: int, height: int) -> None:
    """Raises ImageError for an output that cannot be written in bands."""
    kind, advice = _whole_kind(target)
    if kind:
        raise ImageError(
            f"Output {name!r}: a {width} x {height} image cannot be stored as {kind}, which needs all of it in memory: "
            f"{advice}."
        )
    check_sides(name, target.format, width, height)


def _whole_kind(target: Target) -> tuple[str, str]:
    """What an output is that cannot be written in bands, and what to do; "" for one that can."""
    if target.format not in ("jpeg", "png", "tiff", "szi", "iiif"):
        return target.format.upper(), "choose jpeg, png or tiff"
    if target.format == "jpeg" and target.options.progressive:
        return "progressive JPEG", "leave progressive out"
    if target.options.max_bytes is not None:
        limit = f"{target.format.upper()} of at most {target.options.max_bytes} bytes"
        return limit, "leave max_bytes out, or make the image smaller first"
    return "", ""


class Ordered:
    """Gives a writer its parts in order, from threads that finish them in any order."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: dict[int, Any] = {}
        self._next = 0

    def put(self, index: int, rows: Image) -> None:
        """The band with this index. Raises OSError."""
        part = self._writer.encode(rows)
        with self._lock:
            self._waiting[index] = part
            while self._next in self._waiting:
                self._writer.append(self._waiting.pop(self._next))
                self._next += 1

    def finish(self) -> FileBlob:
        """As Writer.finish, once all bands are in."""
        return self._writer.finish()
