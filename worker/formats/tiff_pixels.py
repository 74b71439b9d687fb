"""Pixels of the TIFF files that libvips misunderstands or refuses. libvips unpacks strips and tiles all the same."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import cielab, tiff
from filterfleet.worker.formats.damage import damaged
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.tiff import Entry, Kind, Page
from filterfleet.worker.formats.tiff_chunks import largest
from filterfleet.worker.formats.unparsed import without_metadata
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.vips import open_image, pyvips

_BAND = 64  # rows whose single bits are in memory at once

# Of the directory that is put in front for libvips, what is taken from the file's own.
_OF_A_PLANE = (
    *(tiff.WIDTH, tiff.HEIGHT, tiff.COMPRESSION, tiff.FILL_ORDER, tiff.PREDICTOR),
    *(tiff.TILE_WIDTH, tiff.TILE_HEIGHT, tiff.ROWS, tiff.JPEG_TABLES),
)
_SHORT, _LONG = 3, 4
_Entries = dict[int, tuple[int, int, int] | Entry]  # of a directory, as tiff.with_directory takes them


def header_of(page: Page) -> Header:
    """The header of a page of the kind LAB or PACKED, which libvips does not open."""
    directory = page.directory
    bands = page.samples - page.spare
    return Header(
        "tiff",
        directory.value(tiff.WIDTH, 0),
        directory.value(tiff.HEIGHT, 0),
        bands=bands,
        bits=8 if page.bits <= 8 else 16,
        alpha=bands in (2, 4),
        orientation=directory.value(tiff.ORIENTATION, 1),
        bounded=page.kind is Kind.LAB,
    )


def open_tiff(blob: Blob, page: Page | None, *, fail_on: str, disk: list[OSError]) -> Any:
    """A pyvips.Image of gray, RGB, CMYK or CIELAB and maybe alpha. page is tiff.page_of the blob; the rest is as in
    worker.pixels.vips.open_image.
    """
    if page is None:
        return open_image(blob, "tiff", fail_on=fail_on, disk=disk)
    if page.kind is Kind.PACKED:
        return _to_vips(_unpacked(blob, page, fail_on, disk))
    if page.kind is Kind.LAB:
        return _lab(blob, page, fail_on, disk)
    if page.kind is Kind.JPEG_INSIDE:
        return _jpeg_inside(blob, page, fail_on)
    image = (_joined if page.kind is Kind.PLANES else _by_libvips)(blob, page, fail_on, disk)
    if page.kind is Kind.YCBCR:
        return image[:3] if image.bands == 4 else _from_ycbcr(image, page)  # libvips converts subsampled colours
    return image.extract_band(0, n=image.bands - page.spare) if page.spare else image


def _by_libvips(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> Any:
    """libvips makes zeros of tiles that it cannot unpack, unless it gives up at each warning. It warns of odd texts and
    numbers in other tags, too, which are no damage: so it does not get to see them.
    """
    if fail_on != "none" and tiff.TILES in page.directory.entries:
        with contextlib.suppress(pyvips.Error):
            return _opened(blob, page, _shared(page, tiff.OF_PIXELS), fail_on, disk)
    unlimited = largest(page) is not None
    return open_image(blob, "tiff", fail_on=fail_on, disk=disk, page=page.number, unlimited=unlimited)


def _jpeg_inside(blob: Blob, page: Page, fail_on: str) -> Any:
    """Raises ImageError if the JPEG file is not the picture that the directory describes."""
    directory = page.directory
    start = directory.value(tiff.OLD_JPEG_START, 0)
    rest = len(blob) - start
    data = bytes(read(blob, start, min(directory.value(tiff.OLD_JPEG_BYTES, rest), rest)))
    image = open_image(
        without_metadata(data, "jpeg"), "jpeg", fail_on="none" if fail_on == "none" else "warning", disk=[]
    )
    several_scans = image.get_typeof("jpeg-multiscan") and image.get("jpeg-multiscan")  # never in this format
    size = directory.value(tiff.WIDTH, 0), directory.value(tiff.HEIGHT, 0)
    if several_scans or (image.width, image.height) != size:
        raise ImageError("The TIFF file has old-style JPEG compression in parts, which cannot be read.")
    return image


def _from_ycbcr(image: Any, page: Page) -> Any:
    """TIFF 6.0, section 21: YCbCr of 8 bits, with the coefficients and the ranges that the file names."""
    red, green, blue = _ratios(page, tiff.COEFFICIENTS, (299, 1000, 587, 1000, 114, 1000))
    ranges = _ratios(page, tiff.REFERENCES, (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1))
    black, white = ranges[::2], ranges[1::2]
    scales = [top / ((high - low) or 1) for top, low, high in zip((255, 127, 127), black, white, strict=True)]
    plain = image.extract_band(0, n=3).linear(scales, [-low * scale for low, scale in zip(black, scales, strict=True)])
    to_red, to_blue = 2 - 2 * red, 2 - 2 * blue
    matrix = [
        [1, 0, to_red],
        [1, -to_blue * blue / (green or 1), -to_red * red / (green or 1)],
        [1, to_blue, 0],
    ]
    rounded = (plain.recomb(matrix) + 0.5).cast("uchar")
    return rounded.copy(interpretation="srgb")


def _ratios(page: Page, tag: int, default: tuple[int, ...]) -> list[float]:
    """Rationals of a tag; the default is in numerators and denominators, and stands for a tag of another length."""
    found = page.directory.values(tag, default)
    if len(found) != len(default) or not all(found[1::2]):
        found = default
    return [above / below for above, below in zip(found[::2], found[1::2], strict=True)]


def _lab(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> Any:
    entries = _shared(page, tiff.OF_PIXELS) | {tiff.PHOTOMETRIC: (_SHORT, 1, 2)}
    entries.pop(tiff.PROFILE, None)
    return cielab.to_srgb(_opened(blob, page, entries, fail_on, disk), page)


def _joined(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> Any:
    directory = page.directory
    tags = (tiff.TILES, tiff.TILE_BYTES) if tiff.TILES in directory.entries else (tiff.STRIPS, tiff.STRIP_BYTES)
    places = [directory.entries.get(tag) for tag in tags]
    planes = []
    for plane in range(page.samples):
        entries: _Entries = _shared(page, _OF_A_PLANE)
        gray = 0 if plane == 0 and directory.value(tiff.PHOTOMETRIC, 1) == 0 else 1  # alpha is never turned round
        entries |= {
            tiff.BITS: (_SHORT, 1, page.bits),
            tiff.PHOTOMETRIC: (_SHORT, 1, gray),
            tiff.SAMPLES: (_SHORT, 1, 1),
        }
        for tag, place in zip(tags, places, strict=True):
            if place is None:
                raise damaged("tiff")
            entries[tag] = _part(directory, place, plane, page.samples)
        planes.append(_opened(blob, page, entries, fail_on, disk))
    joined = planes[0].bandjoin(planes[1:])
    colours = page.samples - len(directory.values(tiff.EXTRA, ())) >= 3
    kind = ("rgb16" if page.bits == 16 else "srgb") if colours else ("grey16" if page.bits == 16 else "b-w")
    return joined.copy(interpretation=kind)


def _part(directory: tiff.Directory, entry: Entry, plane: int, planes: int) -> tuple[int, int, int] | Entry:
    """The numbers of one plane, out of an entry that has them plane after plane."""
    count = entry.count // planes
    size = {_SHORT: 2, _LONG: 4}.get(entry.kind, 8)
    start = entry.start + plane * count * size
    inside = count * size <= (8 if directory.big else 4)
    if not inside:
        return entry.kind, count, start
    cell = bytes(read(directory.blob, start, count * size))
    return Entry(entry.kind, count, start, cell.ljust(8 if directory.big else 4, b"\0"))


def _unpacked(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> Image:
    """Samples of 2 to 15 bits, spread over 8 or 16."""
    directory = page.directory
    height = directory.value(tiff.HEIGHT, 0)
    across = directory.value(tiff.WIDTH, 0) * page.samples
    if tiff.TILES in directory.entries:
        rows = _bytes_of_tiles(blob, page, fail_on, disk)[:height]
    else:
        rows = _bytes_of_strips(blob, page, fail_on, disk)
    levels = _levels(page)
    image = np.empty((height, across), levels.dtype)
    for top in range(0, height, _BAND):
        bits = np.unpackbits(rows[top : top + _BAND], axis=1)[:, : across * page.bits]
        image[top : top + _BAND] = levels[_numbers(bits.reshape(len(bits), across, page.bits))]
    pixels = image.reshape(height, -1, page.samples)[:, :, : page.samples - page.spare]
    if directory.value(tiff.PHOTOMETRIC, 1) == 0:  # white is zero; alpha is as ever
        np.invert(pixels[:, :, 0], out=pixels[:, :, 0])
    return pixels


def _bytes_of_strips(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> NDArray[np.uint8]:
    """The rows of the picture, as if each byte were a pixel."""
    entries = _shared(page, (tiff.HEIGHT, tiff.COMPRESSION, tiff.FILL_ORDER, tiff.STRIPS, tiff.ROWS, tiff.STRIP_BYTES))
    width = page.directory.value(tiff.WIDTH, 0) * page.samples * page.bits
    stored = _opened(blob, page, entries | _gray_bytes((width + 7) // 8), fail_on, disk)
    return _array(stored)


def _bytes_of_tiles(blob: Blob, page: Page, fail_on: str, disk: list[OSError]) -> NDArray[np.uint8]:
    """The rows of all tiles, as if each byte were a pixel. For libvips, each tile is a strip of one row: it does not
    read tiles of such widths.
    """
    directory = page.directory
    high, wide = (directory.value(tag, 0) for tag in (tiff.TILE_HEIGHT, tiff.TILE_WIDTH))
    offsets, sizes = directory.entries.get(tiff.TILES), directory.entries.get(tiff.TILE_BYTES)
    if not high or not wide or offsets is None or sizes is None:
        raise damaged("tiff")
    down, across = (-(-directory.value(tag, 0) // side) for tag, side in ((tiff.HEIGHT, high), (tiff.WIDTH, wide)))
    row = wide * page.samples * page.bits // 8
    entries = _shared(page, (tiff.COMPRESSION, tiff.FILL_ORDER)) | _gray_bytes(row * high)
    entries |= {tiff.HEIGHT: (_LONG, 1, down * across), tiff.ROWS: (_LONG, 1, 1)}
    entries |= {tiff.STRIPS: offsets, tiff.STRIP_BYTES: sizes}
    tiles = _array(_opened(blob, page, entries, fail_on, disk)).reshape(down, across, high, row)
    return tiles.swapaxes(1, 2).reshape(down * high, across * row)


def _gray_bytes(width: int) -> _Entries:
    return {
        tiff.WIDTH: (_LONG, 1, width),
        tiff.BITS: (_SHORT, 1, 8),
        tiff.PHOTOMETRIC: (_SHORT, 1, 1),
        tiff.SAMPLES: (_SHORT, 1, 1),
    }


def _array(stored: Any) -> NDArray[np.uint8]:
    return np.frombuffer(stored.write_to_memory(), np.uint8).reshape(stored.height, stored.width)


def _numbers(bits: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Numbers from their bits, of which the highest comes first."""
    numbers = np.zeros(bits.shape[:2], np.uint16)
    for place in range(bits.shape[2]):
        numbers = numbers << np.uint16(1) | bits[:, :, place]
    return numbers


def _levels(page: Page) -> NDArray[np.uint8 | np.uint16]:
    """The sample in 8 or 16 bits for each number."""
    white = (1 << page.bits) - 1
    top = 255 if page.bits < 8 else 65535
    numbers = np.arange(white + 1, dtype=np.uint32)
    return ((numbers * top + white // 2) // white).astype(np.uint8 if page.bits < 8 else np.uint16)


def _to_vips(samples: Image) -> Any:
    height, width, bands = samples.shape
    deep = samples.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(samples), width, height, bands, "ushort" if deep else "uchar"
    )
    kind = ("grey16" if deep else "b-w") if bands < 3 else "rgb16" if deep else "srgb"
    return image.copy(interpretation=kind)


def _shared(page: Page, tags: tuple[int, ...]) -> _Entries:
    return {tag: page.directory.entries[tag] for tag in tags if tag in page.directory.entries}


def _opened(blob: Blob, page: Page, entries: _Entries, fail_on: str, disk: list[OSError]) -> Any:
    """The file with these entries alone, of which none should make libvips warn."""
    try:
        given = tiff.with_directory(blob, page.directory, entries)
    except struct.error:  # an offset beyond what the file can hold
        raise damaged("tiff") from None
    strictly = "none" if fail_on == "none" else "warning"
    return open_image(given, "tiff", fail_on=strictly, disk=disk, unlimited=largest(page) is not None)
