"""The directories of a TIFF file (TIFF 6.0 and BigTIFF), and how libvips must be asked for its pixels."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.formats.limits import MAX_PAGES
from filterfleet.worker.formats.pieces import changed
from filterfleet.worker.settings import MAX_EXIF_ENTRIES

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, PLANES = 266, 273, 274, 277, 278, 279, 284
OLD_JPEG_START, OLD_JPEG_BYTES = 513, 514
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 317, 322, 323, 324, 325
WHITE, EXTRA, FORMAT, JPEG_TABLES, COEFFICIENTS, SUBSAMPLING, REFERENCES = 318, 338, 339, 347, 529, 530, 532

_FAX_OPTIONS, _PALETTE, _INKS, PROFILE, _POSITIONS = (292, 293), 320, 332, 34675, 531
# All that a decoder of pixels looks at.
OF_PIXELS = (
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES),
    *(PLANES, *_FAX_OPTIONS, PREDICTOR, _PALETTE, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, _INKS, EXTRA, FORMAT),
    *(JPEG_TABLES, COEFFICIENTS, SUBSAMPLING, _POSITIONS, REFERENCES, PROFILE),
)

_GRAYS, _GRAYS_AND_RGB = (0, 1), (0, 1, 2)  # values of PHOTOMETRIC
_ALPHA = (1, 2)  # values of EXTRA: multiplied, plain
_UNSIGNED = (1, 4)  # values of FORMAT: unsigned integers, and what the file does not say
_SAMPLE_KINDS = {2: "signed {}-bit", 3: "floating-point", 5: "complex", 6: "complex"}  # the others
_YCBCR, CIELAB, ICCLAB, ITULAB = 6, 8, 9, 10
_OLD_JPEG, _JPEG = 6, 7  # values of COMPRESSION
_WHOLE_BYTES = (1, 5, 8, 32773, 32946)  # compressions of bytes, whatever they stand for: none, LZW, deflate, PackBits
_CODECS = (1, 2, 3, 4, 5, _JPEG, 8, 32771, 32773, 32946, 50001)  # those of libvips: fax and WebP besides the others
_UNREAD = {
    _OLD_JPEG: "old-style JPEG",
    32809: "ThunderScan",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    32766: "NeXT",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    22610: "JPEG XR",
    34934: "JPEG XR",
    34892: "lossy JPEG of a camera",
    34925: "LZMA",
    34933: "PNG",
    50000: "ZSTD",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_UNREAD_COLOURS = {
    4: "a mask in place of a picture",
    32803: "raw pixels of a camera",
    34892: "raw pixels of a camera",
    32844: "LogL samples",
    32845: "LogLuv samples",
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}

# All values of a directory together have at most this many times the bytes of the file, in which they lie side by side.
# A larger value lets a file whose values share their bytes take more time; below 2, files whose writers share a few of
# them are refused.
_MOST_SHARED = 4

_MOST_VALUES = 64  # of a tag that is read here; the long ones are read by libvips


class Kind(enum.Enum):
    """How libvips must be asked."""

    PLAIN = "as it is"
    YCBCR = "the samples as if they were RGB"
    LAB = "CIELAB as if it were RGB"
    JPEG_INSIDE = "the JPEG file that old-style JPEG compression left whole"
    PACKED = "the bytes, which hold samples of other sizes than 8 and 16 bits"
    PLANES = "each plane as if it were gray"


@dataclass(frozen=True, slots=True)
class Entry:
    """kind: the type of its values. start: where they stand in the file. cell: the bytes that hold them or say where
    they are.
    """

    kind: int
    count: int
    start: int
    cell: bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """order is "<" or ">"."""

    blob: Blob
    order: str
    big: bool
    entries: dict[int, Entry]

    def values(self, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        """The unsigned integers of a tag; of a rational, numerator and denominator. The default if there are none or
        too many.
        """
        entry = self.entries.get(tag)
        if entry is None or not 0 < entry.count <= _MOST_VALUES:
            return default
        count, letter = (2 * entry.count, "I") if entry.kind == 5 else (entry.count, _LETTERS.get(entry.kind))
        if letter is None:
            return default
        return _unpack(f"{self.order}{count}{letter}", self.blob, entry.start)

    def value(self, tag: int, default: int) -> int:
        return self.values(tag, (default,))[0]


@dataclass(frozen=True, slots=True)
class Page:
    """number: of the page whose pixels are read. bits, samples: per sample, per pixel. spare: the samples at the end of
    each pixel that are neither colour nor alpha.
    """

    directory: Directory
    number: int
    kind: Kind
    bits: int
    samples: int
    spare: int


def page_of(blob: Blob) -> Page | None:
    """The first page that is no smaller version of another. None if the directory cannot be followed, in which case
    libvips may find out more. Raises ImageError for a kind of TIFF that cannot be read.
    """
    try:
        number, directory = _full_picture(blob)
        bits = directory.values(BITS, (1,))
        samples = directory.value(SAMPLES, 1)
        kind = _kind(directory, bits[0], samples)
        extra = directory.values(EXTRA, ())
    except DamagedHeader:
        return None
    if kind is Kind.PACKED and len(set(bits)) > 1:
        raise ImageError("The TIFF file has samples of different depths, which cannot be read.")
    return Page(directory, number, kind, bits[0], samples, _spare(directory, extra, samples))


def _spare(directory: Directory, extra: tuple[int, ...], samples: int) -> int:
    """How many samples at the end of a pixel are neither colour nor alpha. Raises ImageError if there are some before
    the alpha.
    """
    if not extra:
        return samples - 1 if samples > 2 and directory.value(PHOTOMETRIC, 1) in _GRAYS else 0
    if len(extra) >= samples:
        return 0
    if extra[0] in _ALPHA:
        return len(extra) - 1
    if any(kind in _ALPHA for kind in extra):
        raise ImageError("The TIFF file has samples of an unknown meaning before its alpha, which cannot be read.")
    return len(extra)


def _full_picture(blob: Blob) -> tuple[int, Directory]:
    first: Directory | None = None
    for number, directory in enumerate(_directories(blob)):
        first = first or directory
        if not directory.value(SUBFILE, 0) & 1:
            return number, directory
    if first is None:
        raise DamagedHeader
    return 0, first


def _kind(directory: Directory, bits: int, samples: int) -> Kind:
    """Raises ImageError for a kind that cannot be read."""
    compression = directory.value(COMPRESSION, 1)
    photometric = directory.value(PHOTOMETRIC, 1)
    if compression == _OLD_JPEG and _holds_a_jpeg(directory):
        return Kind.JPEG_INSIDE
    _check_known(compression, photometric)
    if photometric == _YCBCR and compression != _JPEG:
        if bits != 8:
            raise ImageError(f"The TIFF file has YCbCr colours of {bits} bits; only 8 can be read.")
        return Kind.YCBCR
    if directory.value(FORMAT, 1) not in _UNSIGNED or bits > 16:
        return _of_other_samples(directory, photometric, bits)
    if photometric in (CIELAB, ICCLAB, ITULAB):
        _check_lab(directory, bits, samples)
        return Kind.LAB
    if bits < 16 and bits != 8 and not (bits in (1, 2, 4) and samples == 1):
        _check_packed(directory, bits, samples)
        return Kind.PACKED
    tiled = TILES in directory.entries
    if directory.value(PLANES, 1) == 2 and samples > 1 and (tiled or photometric in _GRAYS):
        if photometric not in _GRAYS_AND_RGB or 1 in directory.values(EXTRA, ()):
            parts = "tiles" if tiled else "strips"
            raise ImageError(
                f"The TIFF file has {parts} of separate planes; only gray and RGB of 8 or 16 bits can be so."
            )
        return Kind.PLANES
    return Kind.PLAIN


def _of_other_samples(directory: Directory, photometric: int, bits: int) -> Kind:
    """Raises ImageError for samples that are not read. Those of CIELAB may be called signed, since some of them are."""
    if photometric in (CIELAB, ICCLAB, ITULAB) and bits <= 16:
        return Kind.PLAIN
    kind = _SAMPLE_KINDS.get(directory.value(FORMAT, 1), f"{bits}-bit").format(bits)
    raise ImageError(f"The TIFF file has {kind} samples; only unsigned integers of up to 16 bits can be read.")


def _check_lab(directory: Directory, bits: int, samples: int) -> None:
    """Raises ImageError for CIELAB that cannot be read."""
    extra = directory.values(EXTRA, ())
    if bits not in (8, 16) or samples - len(extra) != 3 or len(extra) > 1 or 1 in extra:
        kind = f"{samples} samples of {bits} bits" + (", multiplied by alpha" if 1 in extra else "")
        raise ImageError(
            f"The TIFF file has CIELAB colours in {kind}; only 8 and 16 bits, and plain alpha, can be read."
        )


def _check_known(compression: int, photometric: int) -> None:
    """Raises ImageError for what no library here can read. libvips would make zeros of tiles in such a compression."""
    if compression not in _CODECS:
        name = _UNREAD.get(compression)
        known = f"{name} compression" if name else f"compression of an unknown kind ({compression})"
        raise ImageError(f"The TIFF file has {known}, which cannot be read.")
    if photometric in _UNREAD_COLOURS:
        raise ImageError(f"The TIFF file has {_UNREAD_COLOURS[photometric]}, which cannot be read.")


def _holds_a_jpeg(directory: Directory) -> bool:
    start = directory.value(OLD_JPEG_START, 0)
    return start > 0 and bytes(read(directory.blob, start, 3)) == b"\xff\xd8\xff"


def _check_packed(directory: Directory, bits: int, samples: int) -> None:
    """Raises ImageError for what cannot be unpacked."""
    compression = directory.value(COMPRESSION, 1)
    photometric = directory.value(PHOTOMETRIC, 1)
    tile = directory.value(TILE_WIDTH, 0) if TILES in directory.entries else 0
    obstacles = (
        (compression not in _WHOLE_BYTES, "JPEG compression" if compression == _JPEG else "their compression"),
        (photometric not in _GRAYS_AND_RGB, "their kind of colours"),
        (directory.value(PREDICTOR, 1) != 1, "a predictor"),
        (tile * samples * bits % 8, "tiles that end inside a byte"),
        (directory.value(PLANES, 1) != 1, "separate planes"),
        (1 in directory.values(EXTRA, ()), "colours multiplied by alpha"),
    )
    for stands_in_the_way, name in obstacles:
        if stands_in_the_way:
            raise ImageError(f"The TIFF file has {bits}-bit samples, which cannot be read with {name}.")


def _directories(blob: Blob) -> Iterator[Directory]:
    """The pages in their order."""
    head = bytes(read(blob, 0, 16))
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    (at,) = _unpack(order + ("Q" if big else "I"), blob, 8 if big else 4)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MAX_PAGES:
        seen.add(at)
        directory, at = _directory(blob, at, order, big=big)
        yield directory


def _directory(blob: Blob, at: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """The directory at an offset, and where the next one is."""
    counter, row, cell, pointer = ("Q", 20, 8, "Q") if big else ("H", 12, 4, "I")
    (count,) = _unpack(order + counter, blob, at)
    if count > MAX_EXIF_ENTRIES:
        raise DamagedHeader
    start = at + struct.calcsize("<" + counter)
    table = bytes(read(blob, start, count * row))
    if len(table) < count * row:
        raise DamagedHeader
    entries: dict[int, Entry] = {}
    named = 0  # bytes of values that lie in the file
    for place in range(0, count * row, row):
        tag, kind, number = struct.unpack_from(order + "HH" + pointer, table, place)
        value = place + row - cell
        held = table[value : value + cell]
        size = _SIZES.get(kind, 1) * number
        offset = start + value if size <= cell else struct.unpack(order + pointer, held)[0]
        named += size if offset + size <= len(blob) else 0
        entries.setdefault(tag, Entry(kind, number, offset, held))
    if named > _MOST_SHARED * len(blob):
        raise ImageError("The TIFF file has a directory of more bytes than the file.")
    (following,) = _unpack(order + pointer, blob, start + count * row)
    return Directory(blob, order, big, entries), following


def _unpack(layout: str, blob: Blob, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, read(blob, at, struct.calcsize(layout)))
    except struct.error:
        raise DamagedHeader from None


def with_directory(blob: Blob, like: Directory, entries: dict[int, tuple[int, int, int] | Entry]) -> Blob:
    """The file with one more directory, which comes before all others. Values are (type, count, value or offset), or
    entries of the directory `like`, whose values are then shared. Raises struct.error for an offset beyond what the
    file can hold, and OSError.
    """
    order, big = like.order, like.big
    cell, pointer, counter = (8, "Q", "Q") if big else (4, "I", "H")
    padding = bytes(-len(blob) % 8)
    table = struct.pack(order + counter, len(entries))
    for tag, entry in sorted(entries.items()):
        if isinstance(entry, Entry):
            table += struct.pack(order + "HH" + pointer, tag, entry.kind, entry.count) + entry.cell
        else:
            kind, count, value = entry
            letter = "H" if kind == 3 and count == 1 else pointer
            packed = struct.pack(order + letter, value).ljust(cell, b"\0")
            table += struct.pack(order + "HH" + pointer, tag, kind, count) + packed
    at = 8 if big else 4
    place = struct.pack(order + pointer, len(blob) + len(padding))
    behind = padding + table + struct.pack(order + pointer, 0)
    return changed(blob, {(at, at + len(place)): place, (len(blob), len(blob)): behind})
