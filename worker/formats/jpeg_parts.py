"""What the segments before a JPEG's first scan say about density and profile (JFIF 1.02; ICC.1:2022, B.4)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from filterfleet.common.blob import Blob, read
from filterfleet.common.wire import Payload
from filterfleet.worker.formats.damage import too_many
from filterfleet.worker.formats.exif import PREFIX
from filterfleet.worker.formats.limits import MAX_PARTS

_ICC = b"ICC_PROFILE"  # libvips does not look at the zero behind it
_NUMBERED = len(_ICC) + 3  # bytes before the data of a part of a profile: a zero, its number and the count follow
_JFIF = b"JFIF\0"
MPF = b"MPF\0"  # the list of pictures in a multi-picture file (CIPA DC-007)
_ADDRESS = b"http"  # of XMP's namespace, which ends with a zero
_LONGEST_ADDRESS = 80  # bytes, as in libvips
_EXIF = b"Exif\0"  # a second zero should follow, and some programs write another byte
_APP0, _APP1, _APP2, _SOS, _EOI = 0xE0, 0xE1, 0xE2, 0xDA, 0xD9
_RESTARTS = range(0xD0, 0xD8)  # markers without data
_MARKER = re.compile(rb"\xff[\xc0-\xfe]")
_STEP = 1 << 12  # bytes of the file that are looked through at once
_UNITS = {1: 1 / 0.0254, 2: 100.0}  # per metre: inch, centimetre


class Segments:
    """What the segments before the first scan state. Everything here may raise OSError."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.found = list(segments(blob))

    def density(self) -> tuple[float, float] | None:
        """Pixels per metre, across and down, as JFIF has it; None if it does not say."""
        for marker, start, _ in self.found:
            head = bytes(read(self._blob, start, 12)) if marker == _APP0 else b""
            if head.startswith(_JFIF) and len(head) == 12:
                unit, across, down = struct.unpack(">BHH", head[7:])
                factor = _UNITS.get(unit)
                return (across * factor, down * factor) if factor and across and down else None
        return None

    def exif(self) -> bytes | None:
        """The TIFF structure of the first segment with EXIF; None if there is none."""
        for start, stop in self._of_kind(_APP1, _EXIF):
            return bytes(read(self._blob, start + len(PREFIX), stop - start - len(PREFIX))) or None
        return None

    def xmp(self) -> bytes | None:
        """What the first segment with an address holds behind it, as libvips reads it; None if there is none."""
        for start, stop in self._of_kind(_APP1, _ADDRESS):
            data = bytes(read(self._blob, start, stop - start))
            end = data.find(b"\0", 0, min(_LONGEST_ADDRESS, len(data) - 2))
            if end >= 0:
                return data[end + 1 :]
        return None

    def profile(self) -> bytes | None:
        """The ICC profile, joined from its parts, if none is broken; None if there is none."""
        parts = [bytes(read(self._blob, start, end - start)) for start, end in self._of_kind(_APP2, _ICC)]
        parts.sort(key=lambda part: part[_NUMBERED - 2])
        return b"".join(part[_NUMBERED:] for part in parts) or None

    def has_broken_profile(self) -> bool:
        """Whether parts of a profile are missing, doubled, wrongly numbered or empty."""
        places = self._of_kind(_APP2, _ICC)
        if not places:
            return False
        parts = [(start, end, bytes(read(self._blob, start, _NUMBERED))) for start, end in places]
        numbers = sorted(head[-2] if len(head) == _NUMBERED else 0 for _, _, head in parts)
        counts = {head[-1] for _, _, head in parts}
        empty = any(end - start <= _NUMBERED for start, end, _ in parts)
        return empty or counts != {len(parts)} or numbers != list(range(1, len(parts) + 1))

    def has_index(self) -> bool:
        """Whether there is a list of more pictures."""
        return bool(self._of_kind(_APP2, MPF))

    def _of_kind(self, marker: int, prefix: bytes) -> list[tuple[int, int]]:
        return _of_kind(self._blob, self.found, marker, prefix)


def without_profile(file: Payload) -> bytes:
    """The file without the segments of a profile."""
    kept, at = [], 0
    for start, end in _profile_segments(bytes(file)):
        kept.append(file[at : start - 4])
        at = end
    return b"".join((*kept, file[at:]))


def _profile_segments(blob: Blob) -> list[tuple[int, int]]:
    return _of_kind(blob, segments(blob), _APP2, _ICC)


def exif_segments(blob: Blob) -> list[tuple[int, int]]:
    """Where the segments with EXIF start and stop. Raises ImageError for too many segments, and OSError."""
    found = list(segments(blob))
    if len(found) >= MAX_PARTS:
        raise too_many("segments before its picture")
    return [(start - 4, stop) for start, stop in _of_kind(blob, found, _APP1, _EXIF)]


def _of_kind(blob: Blob, among: Iterable[tuple[int, int, int]], marker: int, prefix: bytes) -> list[tuple[int, int]]:
    """Where the data of those segments lie that have this marker and start so."""
    return [
        (start, stop)
        for found, start, stop in among
        if found == marker and bytes(read(blob, start, len(prefix))) == prefix
    ]


def segments(blob: Blob) -> Iterator[tuple[int, int, int]]:
    """Marker, and start and end of the data, of each segment before the first scan, found as libjpeg finds them: what
    lies between two of them is passed over. At most MAX_PARTS of them.
    """
    at, first, held = 2, 0, b""  # held: the part of the file that starts at first
    for _ in range(MAX_PARTS):
        while (found := _MARKER.search(held, at - first)) is None or found.end() + 2 > len(held):
            at = first + found.start() if found else max(at, first + len(held) - 1)
            held, first = bytes(read(blob, at, _STEP)), at
            if len(held) < 4:
                return
        marker, start = found[0][1], first + found.end() + 2
        if marker in (_SOS, _EOI):
            return
        at = start - 2
        if marker not in _RESTARTS:
            at += max(int.from_bytes(held[found.end() : found.end() + 2], "big"), 2)
            yield marker, start, at
