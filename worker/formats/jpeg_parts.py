"""What the segments before a JPEG's first scan say about density and profile (JFIF 1.02; ICC.1:2022, B.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from filterfleet.common.blob import Blob, read
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.limits import MAX_PARTS

_ICC = b"ICC_PROFILE\0"
_JFIF = b"JFIF\0"
_APP0, _APP2, _SOS, _EOI = 0xE0, 0xE2, 0xDA, 0xD9
_UNITS = {1: 1 / 0.0254, 2: 100.0}  # per metre: inch, centimetre


def density_of(blob: Blob) -> tuple[float, float] | None:
    """Pixels per metre, across and down, as JFIF has it; None if it does not say. Raises OSError."""
    for marker, start, _ in segments(blob):
        head = bytes(read(blob, start, 12))
        if marker == _APP0 and head.startswith(_JFIF) and len(head) == 12:
            unit, across, down = struct.unpack(">BHH", head[7:])
            factor = _UNITS.get(unit)
            return (across * factor, down * factor) if factor and across and down else None
    return None


def has_broken_profile(blob: Blob) -> bool:
    """Whether parts of a profile are missing, doubled, wrongly numbered or empty. Raises OSError."""
    parts = [(start, end, bytes(read(blob, start, len(_ICC) + 2))) for start, end in _profile_segments(blob)]
    if not parts:
        return False
    numbers = sorted(head[len(_ICC)] if len(head) == len(_ICC) + 2 else 0 for _, _, head in parts)
    counts = {head[-1] for _, _, head in parts}
    empty = any(end - start <= len(_ICC) + 2 for start, end, _ in parts)
    return empty or counts != {len(parts)} or numbers != list(range(1, len(parts) + 1))


def without_profile(file: Payload) -> bytes:
    """The file without the segments of a profile."""
    kept, at = [], 0
    for start, end in _profile_segments(bytes(file)):
        kept.append(file[at : start - 4])
        at = end
    return b"".join((*kept, file[at:]))


def _profile_segments(blob: Blob) -> list[tuple[int, int]]:
    return [
        (start, end)
        for marker, start, end in segments(blob)
        if marker == _APP2 and bytes(read(blob, start, len(_ICC))) == _ICC
    ]


def segments(blob: Blob) -> Iterator[tuple[int, int, int]]:
    """Marker, and start and end of the data, of each segment before the first scan."""
    at = 2
    for _ in range(MAX_PARTS):
        head = bytes(read(blob, at, 4))
        if len(head) < 4 or head[0] != 0xFF or head[1] in (_SOS, _EOI):
            return
        if head[1] == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(head[2:], "big")
        yield head[1], at + 4, at + 2 + length
        at += 2 + max(length, 2)
