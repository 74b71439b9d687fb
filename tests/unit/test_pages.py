"""Files with several pages, frames or pictures: the report says which one was processed."""

from __future__ import annotations

import gc
import struct
import sys

import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.worker.formats import Header, limits, pages, read_header
from filterfleet.worker.formats.archive import Archive
from filterfleet.worker.pipeline import process
from tests.unit import samples
from tests.unit.golden_files import GOLDEN, PALETTE
from tests.unit.samples import BGR, GRAY, HEIGHT, WIDTH, pil, saved
from tests.unit.test_tiff_kinds import pages as tiff_pages


def several(kind, **options):
    others = [pil(BGR // 4 * number) for number in (1, 2)]
    return saved(pil(BGR), kind, save_all=True, append_images=others, **options)


def multi_picture(*kinds, xmp=b"", lost=0):
    """A JPEG whose index (CIPA DC-007) lists pictures of these kinds behind the first. lost: bytes missing of it."""
    entries = b"".join(struct.pack(">IIIHH", kind, 100, 0, 0, 0) for kind in (0x030000, *kinds))
    numbers = (2, 0xB001, 4, 1, 1 + len(kinds), 0xB002, 7, len(entries), 38, 0)
    index = b"MPF\0MM\0*\0\0\0\x08" + struct.pack(">HHHIIHHIII", *numbers) + entries
    index = index[: len(index) - lost]
    file = saved(pil(BGR), "JPEG", **({"xmp": xmp} if xmp else {}))
    return file[:2] + b"\xff\xe2" + struct.pack(">H", 2 + len(index)) + index + file[2:]


SEVERAL = {
    "tiff": (several("TIFF"), "Only page 1 of 3 was processed."),
    "tiff, smaller version first": (
        tiff_pages((GRAY[::2, ::2].copy(), 1), (GRAY, 0), (GRAY, 0)),
        "Only page 1 of 2 was processed.",
    ),
    "gif": (
        saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.transpose(0), PALETTE.transpose(1)]),
        "Only frame 1 of 3 was processed.",
    ),
    "apng": (several("PNG"), "Only frame 1 of 3 was processed."),
    "webp": (several("WEBP"), "Only frame 1 of 3 was processed."),
    "avif": (several("AVIF"), "Only frame 1 of 3 was processed."),
    "heic": (several("HEIF", quality=50), "Only picture 1 of 3 was processed."),
    "mpo": (several("MPO"), "Only picture 1 of 3 was processed."),
    "stereo": (multi_picture(0x020002), "Only picture 1 of 2 was processed."),
}
ONE = {
    "mpo, with a preview": multi_picture(0x010001, 0x010002),
    "mpo, with a gain map": multi_picture(0, xmp=b'<x hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'),
    "mpo, whose index is cut short": multi_picture(0x020002, lost=20),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_the_report_says_which_of_several_was_processed(name):
    file, said = SEVERAL[name]
    assert read_header(file).notes == (said,)
    assert process(file, Recipe((Output("out", (), "png"),))).report["notes"] == said


@pytest.mark.parametrize(
    "name",
    [name for name in GOLDEN if not any(word in name for word in ("MPO", "animated", "frame", "apng"))],
)
def test_a_file_of_one_picture_has_no_note(name):
    assert read_header(GOLDEN[name][0]).notes == ()


@pytest.mark.parametrize("name", ONE)
def test_thumbnails_and_gain_maps_are_no_pictures_of_their_own(name):
    header = read_header(ONE[name])
    assert header.notes == ()


def jxl_header(*, animated):
    """As far as the kind of samples (ISO 18181-1, annex D): 40 x 30 pixels in 8 bits."""
    bits = ""

    def put(value, count):
        nonlocal bits
        bits += format(value, f"0{count}b")[::-1]

    put(0, 1), put(0, 2), put(HEIGHT - 1, 9), put(0, 3), put(0, 2), put(WIDTH - 1, 9)
    put(0, 1), put(1, 1), put(0, 3), put(0, 1), put(0, 1), put(animated, 1)
    if animated:
        put(0, 2), put(0, 2), put(0, 2), put(0, 1)
    put(0, 1), put(0, 2)
    bits += "0" * (-len(bits) % 8 + 64)
    return b"\xff\x0a" + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def test_frames_of_a_jxl_are_not_counted():
    assert read_header(jxl_header(animated=True)).notes == ("Only the last of several frames was processed.",)
    assert read_header(jxl_header(animated=False)).notes == ()


def test_a_chain_of_pages_that_leads_in_a_circle_has_an_end():
    file = bytearray(several("TIFF"))
    (first,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, first)
    struct.pack_into("<I", file, first + 2 + 12 * count, first)
    assert read_header(bytes(file)).notes == ()


def test_a_file_of_endless_blocks_is_not_counted_to_its_end():
    gif = saved(PALETTE, "GIF")
    hostile = {
        "gif": gif[:-1] + (b"\x21\xfe" + b"\1x" * 300_000 + b"\0") + gif[gif.index(b"\x2c") :],
        "gif, frames": gif[:-1] + gif[gif.index(b"\x2c") : -1] * 20_000,
        "webp": saved(pil(BGR), "WEBP", lossless=True) + b"ANMF\0\0\0\0" * 100_000,
    }
    for name, file in hostile.items():
        notes = read_header(file).notes
        assert all("of more than" in note for note in notes), name


def test_boxes_in_boxes_are_looked_at_in_bounded_number():
    """A thousand tracks of a thousand boxes would be a million."""
    track = samples.box(b"trak", samples.box(b"mdia", b"") * 1000)

    class Meter(FileBlob):
        looks = 0

        def read(self, offset, length):
            self.looks += 1
            return super().read(offset, length)

    header = Header("avif", 40, 30)
    with Meter() as blob:
        blob.append(samples.box(b"moov", track * 1000))
        assert pages.with_pages(blob, header) == header
        assert 1000 < blob.looks <= limits.MAX_PARTS


def test_an_archive_that_nobody_uses_ends_without_a_word(monkeypatch):
    """A page that cannot be decoded ends the file of those before it."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    archive = Archive()
    archive.add("001.jpg", b"page")
    archive.close()
    archive.close()
    del archive
    gc.collect()
    assert not said
