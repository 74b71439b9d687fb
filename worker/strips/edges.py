"""The edges of a huge image, band by band. What is known of each band waits in a temporary file."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.deflate import FAST, compressor
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.strips.canny import Bits, Border, Undecided, analyse, promoted, resolve
from filterfleet.worker.strips.span import Span

_REMEMBERED = 8  # bands kept unpacked after they were read: the halo of the next band reads them again
_RAW = -15  # zlib's wbits for deflate without header and checksum


class _Place(NamedTuple):
    """Where a band is in the file: the deflated map of its kept pixels, then the positions and the labels of those that
    are undecided, whose number is given.
    """

    start: int
    length: int
    undecided: int


class Edges:
    """Takes bands in any order, from any thread. Once it has all of them, it is the RowSource of the image of edges:
    (rows, width) of uint8, 255 on edges, 0 elsewhere. spans are the rows of the bands, from the top.
    """

    ordered = False

    def __init__(self, width: int, height: int, spans: Sequence[Span]) -> None:
        """Raises OSError."""
        self.width, self.height = width, height
        self._spans = spans
        self._file = FileBlob()
        self._lock = threading.Lock()
        self._places: dict[int, _Place] = {}  # by index of the band
        self._borders: dict[int, Border] = {}
        self._promoted: list[set[int]] = []
        self._resolved: dict[int, Bits] = {}  # the bands read last

    def put(self, index: int, weak: Image, strong: Image) -> None:
        """The band with this index; weak and strong are as in worker.strips.canny.analyse. Raises OSError."""
        border, kept, undecided = analyse(weak, strong)
        deflate = compressor(FAST, _RAW)
        data = deflate.compress(kept.data) + deflate.flush()
        with self._lock:
            self._borders[index] = border
            self._places[index] = _Place(len(self._file), len(data), len(undecided.labels))
            self._file.append(data)
            self._file.append(undecided.positions.data.cast("B"))
            self._file.append(undecided.labels.data.cast("B"))

    def finish(self) -> None:
        """All bands are in."""
        self._promoted = promoted([self._borders[index] for index in range(len(self._spans))])

    def read(self, span: Span) -> Image:
        touched = [index for index, band in enumerate(self._spans) if band.overlaps(span)]
        bits = np.concatenate([self._band(index) for index in touched])
        held = self._spans[touched[0]] | self._spans[touched[-1]]
        pixels = np.unpackbits(bits[span.within(held)], axis=1, count=self.width)
        np.multiply(pixels, 255, out=pixels)
        return pixels

    def close(self) -> None:
        self._file.close()

    def _band(self, index: int) -> Bits:
        if (known := self._resolved.get(index)) is not None:
            return known
        bits = self._read(self._places[index], len(self._spans[index]), self._promoted[index])
        with self._lock:
            self._resolved[index] = bits
            while len(self._resolved) > _REMEMBERED:
                del self._resolved[min(self._resolved)]
        return bits

    def _read(self, place: _Place, rows: int, promoted: set[int]) -> Bits:
        data = zlib.decompress(self._file.read(place.start, place.length), _RAW)
        kept = np.frombuffer(data, np.uint8).reshape(rows, -1)
        numbers = np.frombuffer(self._file.read(place.start + place.length, 8 * place.undecided), np.int32)
        return resolve(kept, Undecided(*numbers.reshape(2, -1)), promoted, self.width)
