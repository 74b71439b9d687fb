"""JPEG files with bytes between their segments that belong to none. Decoders pass over them, but call that damage."""

from __future__ import annotations

import re

from filterfleet.common.blob import STEP, Blob, FileBlob, read
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.formats.limits import MAX_PARTS

_SEGMENT = re.compile(rb"\xff+[\xc0-\xfe]")  # a marker between segments, with the bytes that may fill up before it
_SOS, _EOI = 0xDA, 0xD9
_WINDOW = 4096  # bytes looked at once


def without_strays(blob: Blob) -> FileBlob | None:
    """A copy of the file without such bytes before its first scan, in a temporary file that the caller closes; None if
    there are none of them. Raises OSError.
    """
    kept: list[tuple[int, int]] = [(0, 2)]
    at, strays = 2, False
    for _ in range(MAX_PARTS):
        window = bytes(read(blob, at, _WINDOW))
        found = _SEGMENT.search(window)
        if found is None:
            if len(window) < _WINDOW:
                return None
            at, strays = at + _WINDOW - 1, True
            continue
        strays = strays or found.start() > 0
        start = at + found.end() - 2
        if window[found.end() - 1] in (_SOS, _EOI):
            kept.append((start, len(blob)))
            return _copy(blob, kept) if strays else None
        at = start + 2 + int.from_bytes(read(blob, start + 2, 2), "big")
        kept.append((start, at))
    return None


def _copy(blob: Blob, kept: list[tuple[int, int]]) -> FileBlob:
    with closed_on_error(FileBlob()) as copy:
        for start, end in kept:
            for at in range(start, end, STEP):
                copy.append(read(blob, at, min(STEP, end - at)))
    return copy
