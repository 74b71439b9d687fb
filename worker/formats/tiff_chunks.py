"""The strips and tiles of a TIFF: how large they are, and so how much memory it takes to read them."""

from __future__ import annotations

import numpy as np

from filterfleet.common.blob import read
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.limits import MAX_TIFF_CHUNKS
from filterfleet.worker.formats.tiff import (
    HEIGHT,
    ROWS,
    STRIP_BYTES,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Page,
)

_SIZES = {3: 2, 4: 4, 13: 4, 16: 8}  # bytes of a number, by its type
_LINE_BY_LINE = 128  # rows: libvips reads the lines of higher strips one by one
_KEPT_STRIPS, _KEPT_ROWS_OF_TILES = 5, 3  # how many libvips holds


def largest(page: Page) -> int | None:
    """Bytes of the largest strip or tile as it is stored; None if there are too many to look at."""
    entry = page.directory.entries.get(TILE_BYTES) or page.directory.entries.get(STRIP_BYTES)
    size = _SIZES.get(entry.kind) if entry else None
    if entry is None or size is None or not 0 < entry.count <= MAX_TIFF_CHUNKS:
        return None
    stored = read(page.directory.blob, entry.start, entry.count * size)
    numbers = np.frombuffer(stored[: len(stored) // size * size], f"{page.directory.order}u{size}")
    return int(numbers.max()) if len(numbers) else None


def held(page: Page | None, header: Header, length: int) -> int:
    """Bytes that libvips takes to read the page row by row: one chunk as it is stored, and some as they are unpacked.
    length is that of the file.
    """
    if page is None:
        return 0
    directory = page.directory
    row = header.width * header.bands * (1 if header.bits <= 8 else 2)
    if TILE_BYTES in directory.entries:
        across = max(directory.value(TILE_WIDTH, 1), 1)
        columns = -(-header.width // across) * across
        unpacked = _KEPT_ROWS_OF_TILES * directory.value(TILE_HEIGHT, 1) * row * columns // header.width
    else:
        rows = min(directory.value(ROWS, header.height), directory.value(HEIGHT, header.height))
        unpacked = _KEPT_STRIPS * rows * row if rows <= _LINE_BY_LINE else 0
    return min(largest(page) or 0, length) + unpacked
