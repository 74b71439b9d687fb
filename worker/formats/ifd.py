"""Image file directories of TIFF 6.0 and BigTIFF: the entries in one, and a new one from entries."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from filterfleet.common.blob import Blob, Payload, read
from filterfleet.worker.formats.limits import MAX_METADATA
from filterfleet.worker.settings import MAX_EXIF_ENTRIES

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16  # types of the values of an entry
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
_UNITS = {2: 1 / 0.0254, 3: 100.0}  # per metre: inch, centimetre
_CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", UNDEFINED: "B", LONG8: "Q"}
# Bytes of a value, and of each number in it, by type.
_SIZES = {1: (1, 1), 2: (1, 1), 3: (2, 2), 4: (4, 4), 5: (8, 4), 6: (1, 1), 7: (1, 1), 8: (2, 2), 9: (4, 4)}
_SIZES |= {10: (8, 4), 11: (4, 4), 12: (8, 8), 13: (4, 4), 16: (8, 8), 17: (8, 8), 18: (8, 8)}

# All values of a directory together, in bytes: profile and XMP at their longest, and as much again for the rest. Many
# entries may name the same bytes. A larger value lets hostile files take more memory; a smaller one loses metadata.
_MOST_BYTES = 4 * MAX_METADATA


class Entry(NamedTuple):
    """One field of a directory: length values of a type (kind). value is in little-endian order, whatever the order of
    the file.
    """

    tag: int
    kind: int
    length: int
    value: bytes

    @property
    def number(self) -> int | None:
        """The value of an entry that holds one integer."""
        if self.length != 1 or self.kind not in (BYTE, SHORT, LONG, 13, LONG8, 18):
            return None
        return int.from_bytes(self.value, "little")


def entry(tag: int, kind: int, values: Sequence[int]) -> Entry:
    """An entry of integers of any type but RATIONAL."""
    return Entry(tag, kind, len(values), struct.pack(f"<{len(values)}{_CODES[kind]}", *values))


class Directories:
    """Reads the directories of a TIFF file, or of EXIF."""

    def __init__(self, blob: Blob) -> None:
        """Raises OSError."""
        self._blob = blob
        head = bytes(read(blob, 0, 16))
        self._order = ">" if head[:2] == b"MM" else "<"
        self._big = head[2:4] in (b"+\0", b"\0+")
        self.first = int.from_bytes(head[8:16] if self._big else head[4:8], "big" if self._order == ">" else "little")

    def entries(self, at: int | None) -> dict[int, Entry]:
        """By tag, those of the directory at an offset that lie inside the file and take no more bytes together than it
        has; none where there is no directory. Raises OSError.
        """
        if not at or at >= len(self._blob):
            return {}
        count, size, value = ("Q", 20, 12) if self._big else ("H", 12, 8)
        start = at + struct.calcsize(f"={count}")
        head = bytes(read(self._blob, at, start - at))
        if len(head) < start - at:
            return {}
        (entries,) = struct.unpack(self._order + count, head)
        raw = bytes(read(self._blob, start, size * min(entries, MAX_EXIF_ENTRIES)))
        found: dict[int, Entry] = {}
        room = min(_MOST_BYTES, len(self._blob))  # an honest writer puts values side by side
        for place in range(0, len(raw) - size + 1, size):
            tag, kind, number = struct.unpack_from(self._order + ("HHQ" if self._big else "HHI"), raw, place)
            if tag in found:
                continue
            got = self._value(kind, number, raw[place + value : place + size], room)
            if got is not None:
                found[tag] = Entry(tag, kind, number, got)
                room -= len(got)
        return found

    def behind(self, at: int) -> int | None:
        """The offset that follows the directory at an offset, 0 behind the last one; None where there is no directory.
        Raises OSError.
        """
        place = self.end_of(at)
        try:
            return None if place is None else int(struct.unpack(*self._pointer_at(place))[0])
        except struct.error:
            return None

    def end_of(self, at: int) -> int | None:
        """Where the offset that follows the directory at an offset stands. Raises OSError."""
        counter, size = ("Q", 20) if self._big else ("H", 12)
        width = struct.calcsize(f"={counter}")
        try:
            (count,) = struct.unpack(self._order + counter, read(self._blob, at, width))
        except struct.error:
            return None
        return int(at + width + size * count)

    def offset(self, value: int) -> bytes:
        """An offset as it stands in this file."""
        return struct.pack(self._order + ("Q" if self._big else "I"), value)

    def _pointer_at(self, place: int) -> tuple[str, Payload]:
        pointer = "Q" if self._big else "I"
        return self._order + pointer, read(self._blob, place, struct.calcsize(f"={pointer}"))

    def _value(self, kind: int, count: int, field: bytes, room: int) -> bytes | None:
        if kind not in _SIZES:
            return None
        size, width = _SIZES[kind]
        length = size * count
        if length > room:
            return None
        data = field[:length]
        if length > len(field):
            at = int.from_bytes(field, "big" if self._order == ">" else "little")
            if at + length > len(self._blob):
                return None
            data = bytes(read(self._blob, at, length))
        if len(data) != length:
            return None
        return data if self._order == "<" else np.frombuffer(data, f">u{width}").astype(f"<u{width}").tobytes()


def packed(entries: Sequence[Entry], start: int, *, big: bool = False) -> bytes:
    """A directory, to be written at the offset start, followed by the values that are too long for it. Little-endian,
    with entries in ascending order, and the last of its chain.
    """
    count, head, pointer = ("<Q", "<HHQ", "<Q") if big else ("<H", "<HHI", "<I")
    room = struct.calcsize(pointer)
    behind = start + struct.calcsize(count) + len(entries) * (struct.calcsize(head) + room) + room
    table, values = struct.pack(count, len(entries)), b""
    for tag, kind, number, value in sorted(entries):
        table += struct.pack(head, tag, kind, number)
        if len(value) <= room:
            table += value.ljust(room, b"\0")
        else:
            table += struct.pack(pointer, behind + len(values))
            values += value + b"\0" * (len(value) % 2)
    return table + bytes(room) + values


def density_of(entries: dict[int, Entry]) -> tuple[float, float] | None:
    """Pixels per metre, across and down; None if a directory does not say."""
    unit = entries.get(RESOLUTION_UNIT)
    factor = _UNITS.get(2 if unit is None else unit.number or 0)
    found = [_rational(entries.get(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION)]
    across, down = found
    return (across * factor, down * factor) if factor and across and down else None


def density_entries(density: tuple[float, float] | None) -> list[Entry]:
    """The entries that say this density, in pixels per inch; none for None."""
    if density is None:
        return []
    found = [entry(RESOLUTION_UNIT, SHORT, [2])]
    for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), density, strict=True):
        found.append(Entry(tag, RATIONAL, 1, struct.pack("<II", round(value * 0.0254 * 10_000), 10_000)))
    return found


def _rational(found: Entry | None) -> float:
    """0 if there is none."""
    if found is None or found.kind != RATIONAL or found.length != 1:
        return 0.0
    above, below = struct.unpack("<II", found.value)
    return above / below if below else 0.0
