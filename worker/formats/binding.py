"""The pages of a file, each of which has become a file, bound into one: a TIFF of several pages, or a zip."""

from __future__ import annotations

import struct
from typing import Protocol

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.worker.formats.archive import Archive
from filterfleet.worker.formats.ifd import LONG, SHORT, Directories, Entry, entry, packed
from filterfleet.worker.formats.tiff_exif import entries_from, exif_of

_SUBFILE, _OFFSETS, _LENGTHS, _PAGE_NUMBER = 254, 273, 279, 297
_EXIF, _GPS = 34665, 34853
_ONE_OF_SEVERAL = 2  # of SUBFILE
_LARGEST = 4_000_000_000  # bytes of a TIFF; offsets in it have 32 bits


class Binder(Protocol):
    """It owns a temporary file until finish() hands that over."""

    def add(self, page: bytes) -> None:
        """The next page, a file of the format that the binder is for. Raises OSError, and ImageError if the file would
        become too large."""

    def finish(self) -> FileBlob:
        """The file, which is now the caller's to close. Raises OSError."""

    def close(self) -> None:
        """Ends the temporary file, of a binder that nobody will use. A second call does nothing."""


def open_binder(image_format: str, pages: int) -> Binder:
    """For this number of pages. Raises OSError."""
    return TiffBinder(pages) if image_format == "tiff" else ZipBinder(image_format, pages)


class ZipBinder:
    """001.jpg, 002.jpg and so on, with as many digits as the last one needs, and three at least."""

    def __init__(self, image_format: str, pages: int) -> None:
        self._archive = Archive()
        self._extension = EXTENSION_OF_FORMAT[image_format]
        self._digits = max(3, len(str(pages)))
        self._number = 0

    def add(self, page: bytes) -> None:
        self._number += 1
        self._archive.add(f"{self._number:0{self._digits}}.{self._extension}", page)

    def finish(self) -> FileBlob:
        return self._archive.finish()

    def close(self) -> None:
        self._archive.close()


class TiffBinder:
    """Pages are little-endian TIFF files of one page in strips, as encode() makes them."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._number = 0
        self._file = FileBlob()
        self._file.append(struct.pack("<2sHI", b"II", 42, 0))
        self._pointer = 4  # where the offset of the next directory is to stand

    def add(self, page: bytes) -> None:
        directories = Directories(page)
        tags = directories.entries(directories.first)
        offsets = []
        for offset, length in zip(_numbers(tags[_OFFSETS]), _numbers(tags[_LENGTHS]), strict=True):
            offsets.append(len(self._file))
            self._file.append(memoryview(page)[offset : offset + length])
        self._file.append(bytes(len(self._file) % 2))
        entries, below = entries_from(exif_of(page), len(self._file))
        tags = tags | {
            _SUBFILE: entry(_SUBFILE, LONG, [_ONE_OF_SEVERAL]),
            _OFFSETS: entry(_OFFSETS, LONG, offsets),
            _PAGE_NUMBER: entry(_PAGE_NUMBER, SHORT, [self._number, min(self._pages, 0xFFFF)]),
        }
        tags = {tag: found for tag, found in tags.items() if tag not in (_EXIF, _GPS)} | {e.tag: e for e in entries}
        self._file.append(below)
        start = len(self._file)
        self._file.append(packed([*tags.values()], start))
        self._file.write(self._pointer, struct.pack("<I", start))
        self._pointer = start + 2 + 12 * len(tags)
        self._number += 1
        if len(self._file) > _LARGEST:
            raise ImageError(f"The pages together have over {_LARGEST // 1_000_000_000} GB, which no TIFF can hold.")

    def finish(self) -> FileBlob:
        return self._file

    def close(self) -> None:
        self._file.close()


def _numbers(found: Entry) -> tuple[int, ...]:
    """The values of an entry of SHORT or LONG."""
    return struct.unpack(f"<{found.length}{'H' if found.kind == SHORT else 'I'}", found.value)
