"""EXIF, a TIFF structure (EXIF 2.32, chapter 4), read and edited in place: all offsets in it stay true, including those
in makers' notes. It is hostile until parsed: if any part contradicts another, all of it is unusable.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from filterfleet.worker.formats.limits import MAX_THUMBNAILS
from filterfleet.worker.pixels.orientation import EXIF_ORDERS, ORIENTATION
from filterfleet.worker.settings import MAX_EXIF_ENTRIES

PREFIX = b"Exif\0\0"  # stands before the TIFF structure in JPEG, and in some files of other formats

_RESOLUTIONS, _RESOLUTION_UNIT, _INCH = (0x011A, 0x011B), 0x0128, 2
_EXIF_IFD, _GPS_IFD, _INTEROPERABILITY_IFD = 0x8769, 0x8825, 0xA005
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202  # of a thumbnail that is a JPEG file
_STRIPS, _STRIP_LENGTHS = 0x0111, 0x0117  # of one that is plain rows
_SHORT, _LONG, _RATIONAL, _IFD = 3, 4, 5, 13
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes, by type


class UnusableExif(ValueError):  # noqa: N818 - an outcome of parsing, not a fault
    """An offset leads out of the data, in a circle or into another part, or a type is unknown."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One field: at is the offset of its 12 bytes, value the offset of its value, and length the bytes of the value. Up
    to four bytes stand in the entry itself.
    """

    at: int
    tag: int
    kind: int
    count: int
    value: int
    length: int


@dataclass(frozen=True, slots=True)
class _Ifd:
    """An image file directory. end is the offset behind it, following the offset of the next one, or 0."""

    at: int
    entries: tuple[_Entry, ...]
    end: int
    following: int

    def find(self, tag: int) -> _Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


def edited(exif: bytes, *, gps: bool, orientation: int = 1) -> bytes | None:
    """The EXIF of a picture that has been changed: with its orientation, 1 if it is upright, without a thumbnail, and
    without a position unless gps. Removed parts are overwritten with zeros, and cut off at the end of the data. None if
    the structure cannot be understood, because then nothing can be promised of it.
    """
    try:
        editor = _Editor(_Reader(bytearray(exif)), gps=gps, orientation=orientation)
        editor.edit()
    except UnusableExif:
        return None
    return editor.result()


def with_density(exif: bytes, dpi: int) -> bytes:
    """The EXIF that edited() returned, with this density wherever it says one."""
    try:
        reader = _Reader(bytearray(exif))
    except UnusableExif:
        return exif
    for entry in reader.main.entries:
        if entry.tag in _RESOLUTIONS and (entry.kind, entry.count) == (_RATIONAL, 1):
            reader.pack_into("II", entry.value, dpi, 1)
        elif entry.tag == _RESOLUTION_UNIT and (entry.kind, entry.count) == (_SHORT, 1):
            reader.pack_into("H", entry.value, _INCH)
    return bytes(reader.data)


class _Reader:
    """Reads directories from data. Others may change data where directories have been read already."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        order = EXIF_ORDERS.get(bytes(data[:4]))
        if order is None:
            raise UnusableExif
        self._order = order
        self._seen: set[int] = set()
        self.missing: int | None = None  # where the pointer of a directory should stand, if the data ends before it
        (start,) = self._unpack("I", 4)
        self.main = self.ifd(start)

    def ifd(self, at: int) -> _Ifd:
        if at < 8 or at in self._seen:
            raise UnusableExif
        self._seen.add(at)
        (count,) = self._unpack("H", at)
        if count > MAX_EXIF_ENTRIES:
            raise UnusableExif
        entries = tuple(self._entry(at + 2 + 12 * index) for index in range(count))
        if len({entry.tag for entry in entries}) != count:
            raise UnusableExif
        end = at + 2 + 12 * count
        if not self._has_pointer(end, entries):
            return _Ifd(at, entries, end, 0)
        (following,) = self._unpack("I", end)
        return _Ifd(at, entries, end + 4, following)

    def _has_pointer(self, at: int, entries: tuple[_Entry, ...]) -> bool:
        """Whether the offset of a next directory stands at this offset. Some writers leave it out: then the data ends
        there, or a value or another directory begins.
        """
        if at + 4 > len(self.data):
            self.missing = at if self.missing is None else min(self.missing, at)
            return False
        starts = [entry.value for entry in entries if entry.length > 4]
        for entry in entries:
            if entry.tag in (_EXIF_IFD, _GPS_IFD, _INTEROPERABILITY_IFD):
                starts += self.numbers(entry)
        return not any(at <= start < at + 4 for start in starts)

    def _entry(self, at: int) -> _Entry:
        tag, kind, count = self._unpack("HHI", at)
        if kind not in _SIZES:
            raise UnusableExif
        length = _SIZES[kind] * count
        (value,) = (at + 8,) if length <= 4 else self._unpack("I", at + 8)
        if value < 8 or value + length > len(self.data):
            raise UnusableExif
        return _Entry(at, tag, kind, count, value, length)

    def below(self, ifd: _Ifd, tag: int) -> _Ifd | None:
        """The directory to which the entry with this tag points, if there is such an entry."""
        entry = ifd.find(tag)
        if entry is None:
            return None
        found = self.numbers(entry)
        if len(found) != 1:
            raise UnusableExif
        return self.ifd(found[0])

    def numbers(self, entry: _Entry | None) -> tuple[int, ...]:
        """The values of an entry of integers; none for other types."""
        if entry is None or entry.kind not in (_SHORT, _LONG, _IFD):
            return ()
        if entry.count > MAX_EXIF_ENTRIES:
            raise UnusableExif
        return self._unpack(f"{entry.count}{'H' if entry.kind == _SHORT else 'I'}", entry.value)

    def pack_into(self, layout: str, at: int, *values: int) -> None:
        struct.pack_into(self._order + layout, self.data, at, *values)

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self._order + layout, self.data, at)
        except struct.error:
            raise UnusableExif from None


class _Editor:
    """Decides which bytes stay and which go, makes sure that no byte does both, and only then writes."""

    def __init__(self, reader: _Reader, *, gps: bool, orientation: int) -> None:
        self._reader = reader
        self._orientation = orientation
        self._gps = gps
        self._stays: list[tuple[int, int]] = [(0, 8)]  # (start, end) in the data; here the header
        self._goes: list[tuple[int, int]] = []

    def edit(self) -> None:
        reader, main = self._reader, self._reader.main
        exif = reader.below(main, _EXIF_IFD)
        interoperability = reader.below(exif, _INTEROPERABILITY_IFD) if exif else None
        kept = [ifd for ifd in (main, exif, interoperability) if ifd]
        _check_apart(kept)
        for ifd in kept:
            self._sort(ifd)
        self._thumbnail(main.following)
        self._check()
        for start, end in self._goes:
            reader.data[start:end] = bytes(end - start)
        for ifd in kept:
            self._rewrite(ifd, last=ifd is main)

    def result(self) -> bytes:
        """The data without the zeros that are now at its end, and with a pointer that was missing there."""
        data, missing = self._reader.data, self._reader.missing
        for start, end in sorted(self._goes, reverse=True):
            if end == len(data):
                del data[start:]
        return bytes(data) if missing is None else bytes(data[:missing]) + bytes(4)

    def _sort(self, ifd: _Ifd) -> None:
        """Notes the directory and its values as staying, and its GPS part as going."""
        self._stays.append((ifd.at, ifd.end))
        for entry in ifd.entries:
            if self._is_position(entry):
                self._goes += self._extent(self._reader.below(ifd, entry.tag))
            elif entry.length > 4:
                self._stays.append((entry.value, entry.value + entry.length))

    def _is_position(self, entry: _Entry) -> bool:
        return entry.tag == _GPS_IFD and not self._gps

    def _thumbnail(self, at: int) -> None:
        """Notes as going: the second directory, which describes the thumbnail, any that follow, and their pictures."""
        for _ in range(MAX_THUMBNAILS):
            if at == 0:
                return
            ifd = self._reader.ifd(at)
            self._goes.append((ifd.at, ifd.end))  # not its values: some writers share them with the main directory
            self._goes += self._extent(self._reader.below(ifd, _GPS_IFD))
            for starts, lengths in ((_THUMBNAIL, _THUMBNAIL_LENGTH), (_STRIPS, _STRIP_LENGTHS)):
                pieces = (self._reader.numbers(ifd.find(tag)) for tag in (starts, lengths))
                self._goes += [(start, start + length) for start, length in zip(*pieces, strict=False)]
            at = ifd.following
        raise UnusableExif

    def _extent(self, ifd: _Ifd | None) -> list[tuple[int, int]]:
        """Where the directory and its values are."""
        if ifd is None:
            return []
        values = [(entry.value, entry.value + entry.length) for entry in ifd.entries if entry.length > 4]
        return [(ifd.at, ifd.end), *values]

    def _check(self) -> None:
        """Raises UnusableExif unless all that goes lies inside the data and does not overlap what stays."""
        if any(end > len(self._reader.data) for _, end in self._goes):
            raise UnusableExif
        last = gone = 0  # where the last part that stays ends, and the last that goes
        for start, end, stays in sorted([(*r, True) for r in self._stays] + [(*r, False) for r in self._goes]):
            if start < (gone if stays else last):
                raise UnusableExif
            if stays:
                last = max(last, end)
            else:
                gone = max(gone, end)

    def _rewrite(self, ifd: _Ifd, *, last: bool) -> None:
        """Writes the directory anew without the entry of the position. last: it is the main directory, which now has
        its orientation and no successor.
        """
        data = self._reader.data
        kept = [entry for entry in ifd.entries if not self._is_position(entry)]
        raw = b"".join(data[entry.at : entry.at + 12] for entry in kept)
        following = 0 if last else ifd.following
        data[ifd.at : ifd.end] = bytes(ifd.end - ifd.at)
        self._reader.pack_into("H", ifd.at, len(kept))
        data[ifd.at + 2 : ifd.at + 2 + len(raw)] = raw
        if following:
            self._reader.pack_into("I", ifd.at + 2 + len(raw), following)
        for index, entry in enumerate(kept):
            if entry.tag == ORIENTATION and last:
                self._reader.pack_into("HIHH", ifd.at + 4 + 12 * index, _SHORT, 1, self._orientation, 0)


def _check_apart(ifds: list[_Ifd]) -> None:
    """Raises UnusableExif if two directories overlap: each is written anew, so one would destroy the other."""
    ordered = sorted(ifds, key=lambda ifd: ifd.at)
    if any(second.at < first.end for first, second in pairwise(ordered)):
        raise UnusableExif
