"""A file with some of its bytes left out or changed, without a copy of it where it is in a file."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate

from filterfleet.common.blob import Blob, Payload, read
from filterfleet.common.payload import OpenFile

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
        parts: list[Payload] = []
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
                parts.append(read(self._blob, piece[0] + skipped, count))
            offset, length = offset + count, length - count
        return b"".join(parts)

    def close(self) -> None:
        pass


def changed(blob: Blob, changes: Mapping[tuple[int, int], bytes]) -> Blob:
    """The blob with other bytes in some places, which are given by start and stop, in ascending order. The blob itself
    if there are none. Raises OSError.
    """
    if not changes:
        return blob
    pieces: list[_Piece] = []
    at = 0
    for (start, stop), instead in changes.items():
        pieces += [(at, start), instead]
        at = stop
    found = _Pieces(blob, [*pieces, (at, max(at, len(blob)))])
    return found if isinstance(blob, OpenFile) else found.read(0, len(found))
