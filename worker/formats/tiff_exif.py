"""EXIF in TIFF files, where its tags stand among those of the pixels (EXIF 2.32, 4.5), and out of them again.

Values move to other offsets. A maker's note that holds offsets of its own becomes unreadable by that.
"""

from __future__ import annotations

import struct

from filterfleet.common.blob import Blob
from filterfleet.worker.formats.ifd import LONG, LONG8, Directories, Entry, density_entries, entry, packed
from filterfleet.worker.formats.tiff import ORIENTATION

_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
# Tags of the main directory that tell about the picture and not about its samples: names, description, make and
# model, software, date, artist, host, ratings, copyright, and Windows' titles and comments.
_TELLING = frozenset(
    (269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
)


def exif_of(blob: Blob) -> bytes | None:
    """The EXIF of a TIFF file as a structure of its own; None if there is none. Raises OSError."""
    directories = Directories(blob)
    main = directories.entries(directories.first)
    telling = _telling(main)
    if not telling and _EXIF not in main and _GPS not in main:
        return None
    head = b"II*\0\x08\0\0\0"
    # The pointers have the same length wherever they point: the first round only measures.
    size = len(packed([*telling, *_pointers(directories, main, 0)[0]], len(head)))
    pointers, below = _pointers(directories, main, len(head) + size)
    return head + packed([*telling, *pointers], len(head)) + below


def entries_from(exif: bytes | None, start: int, *, big: bool = False) -> tuple[list[Entry], bytes]:
    """The entries of EXIF for the main directory of a TIFF file (big: a BigTIFF), and the directories to which they
    point, which are to be written at the offset start, an even number.
    """
    if exif is None:
        return [], b""
    directories = Directories(exif)
    main = directories.entries(directories.first)
    pointers, below = _pointers(directories, main, start, big=big)
    return [*_telling(main), *pointers], below


def _telling(main: dict[int, Entry]) -> list[Entry]:
    """Those of the main directory that tell about the picture. An orientation of 1 goes without saying."""
    orientation = main.get(ORIENTATION)
    turned = [orientation] if orientation and orientation.number not in (None, 1) else []
    return turned + [found for tag, found in main.items() if tag in _TELLING]


def _pointers(
    directories: Directories, main: dict[int, Entry], start: int, *, big: bool = False
) -> tuple[list[Entry], bytes]:
    """As entries_from, only the entries that point to directories."""
    pointers, below, kind = [], b"", LONG8 if big else LONG
    for tag in (_EXIF, _GPS):
        found = directories.entries(main[tag].number if tag in main else None)
        if not found:
            continue
        if _INTEROPERABILITY in found:
            inner = directories.entries(found.pop(_INTEROPERABILITY).number)
            found[_INTEROPERABILITY] = entry(_INTEROPERABILITY, kind, [start + len(below)])
            below += packed(list(inner.values()), start + len(below), big=big)
        pointers.append(entry(tag, kind, [start + len(below)]))
        below += packed(list(found.values()), start + len(below), big=big)
    return pointers, below


def with_entries(file: bytes, exif: bytes | None, density: tuple[float, float] | None) -> bytes:
    """A little-endian TIFF file of one page, with a new directory at its end: the old one with the EXIF and the
    density, or without any density.
    """
    directories = Directories(file)
    old = directories.entries(directories.first)
    padded = file + b"\0" * (len(file) % 2)
    entries, below = entries_from(exif, len(padded))
    anew = {282, 283, 296, *(found.tag for found in entries)}
    kept = [found for tag, found in old.items() if tag not in anew]
    start = len(padded) + len(below)
    directory = packed([*kept, *entries, *density_entries(density)], start)
    return b"".join((padded[:4], struct.pack("<I", start), padded[8:], below, directory))
