"""JPEG (ITU-T T.81) from bands, with the very pixels of one cv2.imencode of the whole image.

Each row of blocks is a restart interval, so that the scans of bands can be joined. Restart markers count from 0 to 7
and start over: a band of eight rows of blocks, or a multiple, ends where the next one begins.
"""

from __future__ import annotations

import struct

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.chunks import with_jpeg_segments
from filterfleet.worker.formats.encode import jpeg_options
from filterfleet.worker.formats.metadata import NOTHING, Carried, fitting_to
from filterfleet.worker.formats.target import Target
from filterfleet.worker.pixels.channels import over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_SOI, _EOI, _SOS, _RST7 = b"\xff\xd8", b"\xff\xd9", 0xDA, b"\xff\xd7"
_SOF = range(0xC0, 0xC3)


class JpegWriter:
    """Of the target, quality and chroma count. Huffman tables are the standard's, since tables made for an image need
    all of it.
    """

    def __init__(self, width: int, height: int, target: Target, carried: Carried = NOTHING) -> None:
        """Raises OSError."""
        self._width, self._height, self._target, self._carried = width, height, target, carried
        self._file = FileBlob()

    def encode(self, rows: Image) -> bytes:
        """A JPEG file of its own."""
        rows = over_white(to_8_bits(rows))
        block = 8 if rows.ndim == 2 or self._target.options.chroma == "4:4:4" else 16
        interval = -(-self._width // block)
        options = [*jpeg_options(self._target), cv2.IMWRITE_JPEG_RST_INTERVAL, interval]
        encoded, buffer = cv2.imencode(".jpg", rows, options)
        assert encoded
        return buffer.tobytes()

    def append(self, part: bytes) -> None:
        """Raises OSError."""
        scan = _scan_of(part)
        if len(self._file) == 0:
            self._file.append(_header(part[:scan], self._height, self._carried))
        else:
            self._file.append(_RST7)
        self._file.append(memoryview(part)[scan : -len(_EOI)])

    def finish(self) -> FileBlob:
        """Raises OSError."""
        self._file.append(_EOI)
        return self._file

    def close(self) -> None:
        self._file.close()


def _segments_of(file: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) of every segment up to the header of the scan."""
    found: list[tuple[int, int, int]] = []
    position = len(_SOI)
    while not found or found[-1][0] != _SOS:
        marker, length = struct.unpack_from(">xBH", file, position)
        found.append((marker, position, position + 2 + length))
        position += 2 + length
    return found


def _scan_of(file: bytes) -> int:
    """The offset of the entropy-coded data."""
    return _segments_of(file)[-1][2]


def _header(head: bytes, height: int, carried: Carried) -> bytes:
    """Everything before the scan, changed to this height, with the metadata added."""
    patched = bytearray(head)
    for marker, start, _ in _segments_of(head):
        if marker in _SOF:
            struct.pack_into(">H", patched, start + 5, height)
            components = patched[start + 9]
    return with_jpeg_segments(bytes(patched), fitting_to(carried, gray=components == 1))
