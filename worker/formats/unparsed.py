"""Files without the metadata that libvips would parse in more time than it is worth: 5,000 pointers of EXIF to itself
take its parser (libexif) seconds. What outputs carry of it is read by statements.py, in a bounded number of steps.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import accumulate, pairwise

from filterfleet.common.blob import Blob, read
from filterfleet.common.payload import OpenFile
from filterfleet.worker.formats import boxes, jpeg_parts, png_parts

_Piece = tuple[int, int] | bytes  # from one offset to another in the file, or other bytes


class _Pieces(OpenFile):
    """Parts of a blob and other bytes, as one. The blob stays its owner's."""

    def __init__(self, blob: Blob, pieces: Sequence[_Piece]) -> None:
        self._blob = blob
        self._pieces = pieces
        lengths = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._ends = list(accumulate(lengths))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, offset: int, length: int) -> bytes:
        parts = []
        length = min(length, len(self) - offset)
        for index in range(bisect.bisect_right(self._ends, offset), len(self._pieces)):
            if length <= 0:
                break
            piece = self._pieces[index]
            start = self._ends[index - 1] if index else 0
            skipped, count = offset - start, min(length, self._ends[index] - offset)
            if isinstance(piece, bytes):
                parts.append(piece[skipped : skipped + count])
            else:
                parts.append(bytes(read(self._blob, piece[0] + skipped, count)))
            offset, length = offset + count, length - count
        return b"".join(parts)

    def close(self) -> None:
        pass


def without_metadata(blob: Blob, image_format: str) -> Blob:
    """The file without EXIF, and a PNG without texts; the blob itself if it has none. Raises ImageError for a file with
    too many parts, DamagedHeader and OSError.
    """
    match image_format:
        case "jpeg":
            pieces = _without(blob, jpeg_parts.exif_segments(blob))
        case "png":
            pieces = _without(blob, png_parts.texts_before_the_pixels(blob))
        case "avif":
            pieces = _renamed(blob, [item.kind_at for item in boxes.exif_items(blob)])
        case _:
            return blob
    if len(pieces) == 1:
        return blob
    found = _Pieces(blob, pieces)
    return found if isinstance(blob, OpenFile) else found.read(0, len(found))


def _without(blob: Blob, cuts: Sequence[tuple[int, int]]) -> list[_Piece]:
    ends = [0, *(place for cut in cuts for place in cut), len(blob)]
    return [(start, stop) for start, stop in list(pairwise(ends))[::2] if start < stop]


def _renamed(blob: Blob, places: Sequence[int]) -> list[_Piece]:
    """The file with items of another kind, which no reader looks at, in place of EXIF."""
    pieces: list[_Piece] = []
    at = 0
    for place in places:
        pieces += [(at, place), b"none"]
        at = place + 4
    return [*pieces, (at, len(blob))]
