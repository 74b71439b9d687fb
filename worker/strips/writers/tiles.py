"""A pyramid of tiles from bands (worker.formats.tiles)."""

from __future__ import annotations

from filterfleet.common.blob import FileBlob
from filterfleet.worker.formats.encode import open_tiles
from filterfleet.worker.formats.target import Target
from filterfleet.worker.pixels.image import Image


class TilesWriter:
    """Threads bring the rows into the form that tiles have; one at a time cuts and encodes them."""

    def __init__(self, width: int, height: int, target: Target) -> None:
        """Raises OSError."""
        self._tiles = open_tiles(width, height, target)

    def encode(self, rows: Image) -> Image:
        return self._tiles.prepared(rows)

    def append(self, part: Image) -> None:
        """Raises OSError."""
        self._tiles.put(part)

    def finish(self) -> FileBlob:
        """Raises OSError."""
        return self._tiles.finish()

    def close(self) -> None:
        self._tiles.close()
