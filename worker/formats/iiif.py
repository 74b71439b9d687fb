"""Images as the IIIF Image API 3.0 has them at compliance level 0: files that any web server hands out, in a zip
without compression. Its one folder is called by the SHA-256 of the source, which is the last part of the id as well
(worker.formats.target).

The place of a source would read better in an address, and cannot be known here: images of the same content share their
outputs. Its content lasts longer: the address stays when the source is moved, and when the recipe changes.
"""

from __future__ import annotations

import json

# Pixels of the longest side of the image as one file, "full". More: viewers get larger pictures without putting tiles
# together, and an image takes more memory, up to 32 bytes for each pixel of such a file. Less: the reverse.
LARGEST = 2048


class Iiif:
    """A Layout: every power of two down to the first at which one tile holds the image."""

    # Pixels of a tile's side; IIIF knows no overlap. More: fewer files. Less: a viewer loads less that it does not
    # show.
    tile, overlap = 256, 0

    def __init__(self, width: int, height: int, address: str, source: str) -> None:
        """address is that of the folder in which the image's folder will be, without a slash at its end. source is
        that of the Target."""
        self._width, self._height, self._id, self._folder = width, height, f"{address}/{source}", source
        self.halvings = (-(-max(width, height) // self.tile) - 1).bit_length()

    def tile_name(self, halved: int, column: int, row: int) -> str:
        side = self.tile << halved
        left, top = column * side, row * side
        width, height = min(side, self._width - left), min(side, self._height - top)
        return self._name(f"{left},{top},{width},{height}", f"{-(-width >> halved)},{-(-height >> halved)}")

    def whole_names(self, halved: int) -> tuple[str, ...]:
        """The canonical address, and for the largest of these sizes the one that asks for no size in particular."""
        listed = self._whole()
        if halved not in listed:
            return ()
        width, height = self._size(halved)
        sizes = [f"{width},{height}", *(["max"] if halved == listed[0] else [])]
        return tuple(self._name("full", size) for size in sizes)

    def description(self) -> tuple[str, str]:
        listed = self._whole()
        limits = {} if listed[0] == 0 else dict(zip(("maxWidth", "maxHeight"), self._size(listed[0]), strict=True))
        info = {
            "@context": "http://iiif.io/api/image/3/context.json",
            "id": self._id,
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level0",
            "width": self._width,
            "height": self._height,
            **limits,
            "sizes": [dict(zip(("width", "height"), self._size(halved), strict=True)) for halved in reversed(listed)],
            "tiles": [{"width": self.tile, "scaleFactors": [1 << halved for halved in range(self.halvings + 1)]}],
        }
        return f"{self._folder}/info.json", f"{json.dumps(info, indent=2)}\n"

    def _whole(self) -> list[int]:
        """How often those sizes are halved that there are as one file, the largest first."""
        return [halved for halved in range(self.halvings + 1) if max(self._size(halved)) <= LARGEST]

    def _size(self, halved: int) -> tuple[int, int]:
        return -(-self._width >> halved), -(-self._height >> halved)

    def _name(self, region: str, size: str) -> str:
        return f"{self._folder}/{region}/{size}/0/default.jpg"
