"""What hostile files state: the readers of statements raise nothing, and take little time and memory."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats import Header, carried
from filterfleet.worker.formats.chunks import jpeg_segments, png_chunks
from filterfleet.worker.formats.statements import with_statements
from filterfleet.worker.formats.tiff_exif import with_entries
from tests.unit import samples
from tests.unit.samples import BGR, jpeg_with, pil, png, saved
from tests.unit.test_statements import HEAD, ICC, IDAT, RAW, icc_segment, tiff_told_in_full, told_in_full

STATING = {
    "jpeg": jpeg_with(saved(pil(BGR), "JPEG", exif=told_in_full(), dpi=(300, 300)), 0xE2, icc_segment(1, 1, ICC)),
    "png": png(
        HEAD,
        (b"cICP", bytes([9, 16, 0, 1])),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", bytes(32)),
        (b"pHYs", struct.pack(">IIB", 3000, 3000, 1)),
        (b"tEXt", b"Raw profile type exif\0" + RAW),
        (b"IDAT", IDAT),
    ),
    "tiff": tiff_told_in_full("<"),
    "avif": saved(pil(BGR), "AVIF"),
    "heic": saved(pil(BGR), "HEIF"),
}
TIFF = saved(pil(BGR), "TIFF")
PLACES = {
    "jpeg": range(900),
    "png": range(500),
    "tiff": range(700),
    "avif": range(300),
    "heic": range(500),
}


@pytest.mark.parametrize("image_format", STATING)
@pytest.mark.parametrize("way", ["spoiled", "cut"])
def test_statements_of_hostile_files_raise_nothing(image_format, way):
    """The readers themselves, without faults.told, which would hide what they raise."""
    dice = np.random.default_rng(5)
    file = STATING[image_format]
    for place in PLACES[image_format]:
        hostile = bytearray(file)
        if way == "cut":
            del hostile[place:]
        else:
            hostile[place : place + 4] = dice.choice([0, 255, dice.integers(256)], 4).astype(np.uint8).tobytes()
            if image_format == "png":
                hostile = with_right_checksums(hostile)
        said = with_statements(bytes(hostile), Header(image_format, BGR.shape[1], BGR.shape[0]))
        kept = carried(said, Metadata.KEEP)
        assert kept.icc is None or len(kept.icc) < 10_000
        assert with_entries(TIFF, kept.exif, kept.density)
        assert jpeg_segments(kept) is not None
        assert png_chunks(kept) is not None


def with_right_checksums(file):
    fixed, at = bytearray(file), 8
    while at + 12 <= len(fixed):
        length = int.from_bytes(fixed[at : at + 4], "big")
        if at + 12 + length > len(fixed):
            break
        crc = samples.zlib.crc32(fixed[at + 4 : at + 8 + length])
        fixed[at + 8 + length : at + 12 + length] = crc.to_bytes(4, "big")
        at += 12 + length
    return fixed


def shared_values(entries, length):
    """A TIFF whose entries all name the same bytes."""
    start = samples.tiff_data(entries)
    return samples.tiff({40_000 + n: (1, length, start) for n in range(entries)}, bytes(length))


def repeated_entry(entries, length):
    """A TIFF with one tag again and again, whose value is cut short."""
    packed = struct.pack("<HHII", 40_000, 1, length, 20) * entries
    return b"II*\0" + struct.pack("<IH", 8, entries) + packed + bytes(length // 2)


FLOODS = {
    "values that are shared": ("tiff", shared_values(1000, 12 << 20)),
    "one tag again and again": ("tiff", repeated_entry(1000, 12 << 20)),
    "text that unpacks to much": (
        "png",
        png(HEAD, *[(b"zTXt", b"Raw profile type exif\0\0" + samples.zlib.compress(bytes(16 << 20)))] * 300),
    ),
    "a raw profile of empty lines": ("png", png(HEAD, (b"tEXt", b"Raw profile type exif\0" + b"\n" * 4_000_000))),
    "empty chunks": ("png", png(HEAD, *[(b"IDAT", b"")] * 400_000)),
    "segments": ("jpeg", b"\xff\xd8" + b"\xff\xe2\0\x0eICC_PROFILE\0" * 200_000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_take_little_time_and_memory(name):
    image_format, file = FLOODS[name]
    tracemalloc.start()
    began = time.perf_counter()
    with_statements(file, Header(image_format, 1, 1))
    seconds = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 20  # tracemalloc makes it ten times slower
    assert peak < 200 << 20
