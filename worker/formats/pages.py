"""How many pages, frames or pictures a file has, of which one is processed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from filterfleet.common.blob import Blob, read
from filterfleet.common.payload import OpenFile
from filterfleet.worker.formats import jxl
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.facts import Header, only
from filterfleet.worker.formats.ifd import Directories, Entry
from filterfleet.worker.formats.jpeg_parts import MPF, segments
from filterfleet.worker.formats.limits import MAX_PAGES, MAX_PARTS
from filterfleet.worker.formats.tiff import SUBFILE, page_of

# Blocks of a GIF, of at most 255 bytes each, that are passed over to count frames. This is 25 MB. More: a hostile file
# takes more time. Less: the frames of a long animation are counted only in part.
_MOST_BLOCKS = 100_000

_APP2 = 0xE2
_ENTRIES = 0xB002  # the tag of the list of pictures in a multi-picture file
ONLY_PAGE = "Only page "  # how the note about pages that are not processed begins

_THUMBNAIL = 1  # the class of a picture that is a smaller version of another one
_UNDEFINED = 0  # a picture without a class: in an Ultra HDR file, its gain map
_GAIN_MAP = b"http://ns.adobe.com/hdr-gain-map/"

_BOXES_TO_SAMPLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")


def with_pages(blob: Blob, header: Header) -> Header:
    """The header with a note if the file has more than the picture that is processed. Raises OSError."""
    count = _COUNTERS.get(header.format)
    try:
        said = count(blob, header) if count else None
    except (struct.error, DamagedHeader):
        return header
    return header.noting(said) if said else header


def _tiff(blob: Blob, _: Header) -> str | None:
    """Smaller versions of a page do not count, as far as page_of() looks at pages."""
    directories = Directories(blob)
    places = list(_places(directories))
    reduced = [number for number, at in enumerate(places[:MAX_PAGES]) if _is_reduced(directories.entries(at))]
    page = page_of(blob)
    chosen = page.number if page else 0
    before = sum(number < chosen for number in reduced)
    return only("page", chosen + 1 - before, len(places) - len(reduced), more=len(places) == MAX_PARTS)


def _places(directories: Directories) -> Iterator[int]:
    """The offset of each directory of a TIFF, in order."""
    at, seen = directories.first, set[int]()
    while at and at not in seen and len(seen) < MAX_PARTS:
        following = directories.behind(at)
        if following is None:
            return
        seen.add(at)
        yield at
        at = following


def pages_of(blob: Blob, image_format: str) -> list[Blob]:
    """Each page of a TIFF as a file of its own, which reads from the blob: those that are no smaller versions of
    others. Any other file is its only page. Raises OSError.
    """
    if image_format != "tiff":
        return [blob]
    directories = Directories(blob)
    places = [at for at in _places(directories) if not _is_reduced(directories.entries(at))]
    return [_Page(blob, directories, at) for at in places] if len(places) > 1 else [blob]


class _Page(OpenFile):
    """A TIFF file that begins with another of its directories, and ends with it."""

    def __init__(self, blob: Blob, directories: Directories, at: int) -> None:
        self._blob = blob
        end = directories.end_of(at)
        assert end is not None  # it has been followed
        first = directories.offset(at)
        self._changes = ((len(first), first), (end, directories.offset(0)))  # a file says its first one at 4, or at 8

    def __len__(self) -> int:
        return len(self._blob)

    def read(self, offset: int, length: int) -> bytes:
        data = bytearray(read(self._blob, offset, length))
        for place, change in self._changes:
            start, end = max(place, offset), min(place + len(change), offset + len(data))
            if start < end:
                data[start - offset : end - offset] = change[start - place : end - place]
        return bytes(data)

    def close(self) -> None:
        """The blob belongs to somebody else."""


def _is_reduced(entries: dict[int, Entry]) -> bool:
    subfile = entries.get(SUBFILE)
    return subfile is not None and bool((subfile.number or 0) & 1)


def _gif(blob: Blob, _: Header) -> str | None:
    frames, blocks = 0, 0
    at = 13 + _palette(_byte(blob, 10))
    while blocks < _MOST_BLOCKS and (kind := _byte(blob, at)) in (0x21, 0x2C):
        if kind == 0x2C:
            frames += 1
            at += 11 + _palette(_byte(blob, at + 9))
        else:
            at += 2
        while blocks < _MOST_BLOCKS and (size := _byte(blob, at)) > 0:
            at += 1 + size
            blocks += 1
        at += 1
        blocks += 1
    return only("frame", 1, frames, more=blocks >= _MOST_BLOCKS)


def _byte(blob: Blob, at: int) -> int:
    """0 behind the end. One at a time: what lies between is not read."""
    found = read(blob, at, 1)
    return found[0] if found else 0


def _palette(packed: int) -> int:
    """Bytes of a table of colours of a GIF."""
    return 3 * (2 << (packed & 7)) if packed & 0x80 else 0


def _png(blob: Blob, _: Header) -> str | None:
    """The chunk acTL comes before the pixels."""
    at = 8
    for _number in range(MAX_PARTS):
        length, kind = struct.unpack(">I4s", read(blob, at, 8))
        if kind == b"IDAT":
            break
        if kind == b"acTL":
            (frames,) = struct.unpack(">I", read(blob, at + 8, 4))
            return only("frame", 1, frames)
        at += 12 + length
    return None


def _webp(blob: Blob, _: Header) -> str | None:
    at, frames = 12, 0
    for _number in range(MAX_PARTS):
        if at + 8 > len(blob):
            return only("frame", 1, frames)
        kind, length = struct.unpack("<4sI", read(blob, at, 8))
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
    return only("frame", 1, frames, more=True)


def _jpeg(blob: Blob, header: Header) -> str | None:
    """Thumbnails do not count, nor does a gain map."""
    for marker, start, end in segments(blob):
        if marker != _APP2 or bytes(read(blob, start, 4)) != MPF:
            continue
        index = bytes(read(blob, start + 4, end - start - 4))
        directories = Directories(index)
        listed = directories.entries(directories.first).get(_ENTRIES)
        if listed is None:
            break
        order = "big" if index[:2] == b"MM" else "little"
        kinds = [listed.value[at + (1 if order == "big" else 2)] for at in range(0, len(listed.value) - 15, 16)]
        dropped = (_THUMBNAIL, _UNDEFINED) if _GAIN_MAP in (header.xmp or b"") else (_THUMBNAIL,)
        return only("picture", 1, 1 + sum(kind not in dropped for kind in kinds[1:]))
    return None


def _heif(blob: Blob, _: Header) -> str | None:
    """The frames of a sequence: the samples of its longest track (ISO 14496-12)."""
    left = iter(range(MAX_PARTS))
    found = _boxes(blob, 0, len(blob), _BOXES_TO_SAMPLES, left)
    samples = [int.from_bytes(read(blob, start + 8, 4), "big") for start in found]
    return only("frame", 1, max(samples, default=0))


def _boxes(blob: Blob, at: int, end: int, path: tuple[bytes, ...], left: Iterator[int]) -> Iterator[int]:
    """Where the content of each box starts that is reached by these kinds, one inside the other. left: one for each box
    that may still be looked at, at any depth.
    """
    for _ in left:
        if at + 8 > end:
            return
        length, kind = struct.unpack(">I4s", read(blob, at, 8))
        start = at + 8
        if length == 1:
            (length,) = struct.unpack(">Q", read(blob, start, 8))
            start += 8
        stop = min(at + length, end) if length else end
        if stop < start:
            return
        if kind == path[0]:
            if len(path) == 1:
                yield start
            else:
                yield from _boxes(blob, start, stop, path[1:], left)
        at = stop


def _jxl(blob: Blob, _: Header) -> str | None:
    """Only a decoder could count the frames, and ours keeps the last one."""
    return "Only the last of several frames was processed." if jxl.is_animated(blob) else None


_COUNTERS: dict[str, Callable[[Blob, Header], str | None]] = {
    "tiff": _tiff,
    "gif": _gif,
    "png": _png,
    "webp": _webp,
    "jpeg": _jpeg,
    "avif": _heif,
    "heic": _heif,
    "jxl": _jxl,
}
