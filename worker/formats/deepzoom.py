"""Microsoft's Deep Zoom, in one file as SZI (the smart zoom image of Smart In Media): a zip without compression that
holds image/image.dzi and image/image_files/LEVEL/COLUMN_ROW.
"""

from __future__ import annotations

_NAME = "image"  # a source's name cannot be known here: images of the same content share their outputs


class DeepZoom:
    """A Layout: every power of two down to one pixel."""

    # Pixels of a tile's side without its overlap, and of the overlap with each neighbour. Deep Zoom's usual numbers,
    # which make tiles of 256 x 256. More: fewer files. Less: a viewer loads less that it does not show.
    tile, overlap = 254, 1

    def __init__(self, width: int, height: int, image_format: str) -> None:
        """image_format is that of the tiles, jpeg or png."""
        self._width, self._height = width, height
        self._extension = {"jpeg": "jpg", "png": "png"}[image_format]
        self.halvings = (max(width, height) - 1).bit_length()

    def tile_name(self, halved: int, column: int, row: int) -> str:
        return f"{_NAME}/{_NAME}_files/{self.halvings - halved}/{column}_{row}.{self._extension}"

    def whole_names(self, _: int) -> tuple[str, ...]:
        return ()

    def description(self) -> tuple[str, str]:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{self._extension}" '
            f'Overlap="{self.overlap}" TileSize="{self.tile}">\n'
            f'  <Size Width="{self._width}" Height="{self._height}"/>\n'
            "</Image>\n"
        )
        return f"{_NAME}/{_NAME}.dzi", text
