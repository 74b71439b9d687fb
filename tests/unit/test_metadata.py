"""What outputs carry from their source: profiles always, EXIF and XMP by policy, a position only if the policy asks."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats import Header, carried, read_header
from filterfleet.worker.formats.exif import edited
from filterfleet.worker.pixels.orientation import orientation_of
from tests.unit import samples
from tests.unit.samples import BGR, NORTH, XMP, exif, pil, profile, saved

SECONDS = struct.pack(">II", 1889, 64)  # 29.515625, as Pillow writes it


def header(**more):
    return Header("jpeg", 40, 30, **more)


def ifd(*entries, order=">", following=0):
    packed = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return struct.pack(order + "H", len(entries)) + packed + struct.pack(order + "I", following)


def with_thumbnail(*, maker=b"maker's own notes"):
    """IFD0 (orientation 6, EXIF) at 8, EXIF IFD at 38, its note at 56, IFD1 at 56 + note, and the thumbnail last."""
    note = 8 + 2 + 24 + 4 + 18
    second = note + len(maker)
    thumbnail = second + 2 + 24 + 4
    data = b"MM\0*\0\0\0\x08"
    data += ifd((0x0112, 3, 1, 6 << 16), (0x8769, 4, 1, 38), following=second)
    data += ifd((0x927C, 7, len(maker), note)) + maker
    data += ifd((0x0201, 4, 1, thumbnail), (0x0202, 4, 1, 9)) + b"THUMBNAIL"
    return data


def pillow_tags(data):
    image = samples.Image.Exif()
    image.load(data)
    return image


# --- EXIF ----


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_and_then_set_to_upright(orientation):
    data = exif(orientation)
    assert orientation_of(data) == orientation
    assert orientation_of(edited(data, gps=True)) == 1
    assert pillow_tags(edited(data, gps=True))[0x010F] == "Camera & Co"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("number", "expected"), [(6, 6), (0, 1), (9, 1), (6 << 16, 1)])
def test_an_orientation_of_the_type_long_counts(number, expected, order):
    """The standard has it short. Pillow and ImageMagick take both."""
    head = struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, 1)
    data = head + struct.pack(order + "HHIII", 0x0112, 4, 1, number, 0)
    assert orientation_of(data) == expected
    assert orientation_of(edited(data, gps=True)) == 1


def test_the_position_is_gone_from_the_bytes_not_only_from_the_tags():
    data = exif(6, gps=True)
    assert SECONDS in data
    kept, stripped = edited(data, gps=True), edited(data, gps=False)
    assert pillow_tags(kept).get_ifd(0x8825)[2] == NORTH
    assert SECONDS not in stripped
    assert 0x8825 not in pillow_tags(stripped)
    assert pillow_tags(stripped)[0x010F] == "Camera & Co"


def test_the_thumbnail_is_gone_and_the_makers_notes_are_where_they_were():
    data = with_thumbnail()
    for gps in (True, False):
        result = edited(data, gps=gps)
        assert b"THUMBNAIL" not in result
        assert result.index(b"maker's own notes") == data.index(b"maker's own notes")
        assert orientation_of(result) == 1
        assert len(result) < len(data)


def test_editing_twice_changes_nothing_more():
    for data in (exif(6, gps=True), with_thumbnail()):
        once = edited(data, gps=False)
        assert edited(once, gps=False) == once


BROKEN = {
    "empty": b"",
    "text": b"II*\0, said the TIFF",
    "offset beyond the end": b"MM\0*" + struct.pack(">I", 5000),
    "offset into the head": b"MM\0*" + struct.pack(">I", 4) + bytes(20),
    "circle": b"MM\0*\0\0\0\x08" + ifd(following=8),
    "circle of sub-directories": b"MM\0*\0\0\0\x08" + ifd((0x8769, 4, 1, 8)),
    "value beyond the end": b"MM\0*\0\0\0\x08" + ifd((0x010F, 2, 500, 20)),
    "count of four gigabytes": b"MM\0*\0\0\0\x08" + ifd((0x010F, 12, 0xFFFFFFFF, 8)),
    "unknown type": b"MM\0*\0\0\0\x08" + ifd((0x010F, 99, 1, 0)),
    "more entries than bytes": b"MM\0*\0\0\0\x08" + struct.pack(">H", 900),
    "position inside the directory": b"MM\0*\0\0\0\x08" + ifd((0x8825, 4, 1, 10), (0x010F, 2, 1, 0)),
    "position that is no offset": b"MM\0*\0\0\0\x08" + ifd((0x8825, 2, 1, 0)),
    "two positions": b"MM\0*\0\0\0\x08" + ifd((0x8825, 4, 1, 38), (0x8825, 4, 1, 38)) + ifd(),
    "EXIF inside the directory": b"MM\0*\0\0\0\x08" + ifd((0x0112, 3, 1, 6 << 16), (0x8769, 4, 1, 14)),
    "thumbnail on top of the directory": b"MM\0*\0\0\0\x08"
    + ifd((0x0112, 3, 1, 6 << 16), following=26)
    + ifd((0x0201, 4, 1, 4), (0x0202, 4, 1, 20)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_exif_that_does_not_fit_together_is_dropped(name):
    assert edited(BROKEN[name], gps=False) is None
    assert 1 <= orientation_of(BROKEN[name]) <= 8
    assert carried(header(exif=BROKEN[name]), Metadata.STRIP_GPS).exif is None


def test_orientation_counts_even_where_the_rest_is_nonsense():
    nonsense = b"MM\0*\0\0\0\x08" + ifd((0x010F, 2, 500, 4000), (0x0112, 3, 1, 8 << 16), (0x8769, 4, 1, 8))
    assert orientation_of(nonsense) == 8
    assert edited(nonsense, gps=True) is None


def test_a_value_that_both_directories_share_stays():
    values = 8 + 2 + 24 + 4
    data = b"MM\0*\0\0\0\x08" + ifd((0x0112, 3, 1, 6 << 16), (0x011A, 5, 1, values), following=values + 8)
    data += struct.pack(">II", 72, 1) + ifd((0x011A, 5, 1, values))
    assert pillow_tags(edited(data, gps=False))[0x011A] == 72


def test_exif_cut_short_anywhere_is_dropped_or_still_without_position():
    data = exif(6, gps=True)
    for length in range(len(data)):
        result = edited(data[:length], gps=False)
        assert result is None or SECONDS not in result


@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from([exif(6, gps=True), with_thumbnail()]))
def test_a_spoiled_byte_never_lets_the_position_or_the_thumbnail_pass_unseen(place, value, data):
    spoiled = bytearray(data)
    spoiled[place % len(data)] = value
    result = edited(bytes(spoiled), gps=False)
    if result is not None:
        assert len(result) <= len(data) + 4  # a pointer that is missing at the end is added
        assert orientation_of(result) == 1
        assert 0x8825 not in pillow_tags(result)
        assert edited(result, gps=False) == result


@given(st.binary(max_size=200))
def test_any_bytes_are_edited_or_dropped(data):
    for start in (b"", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0"):
        edited(start + data, gps=False)
        assert 1 <= orientation_of(start + data) <= 8


# --- policies ----


ICC = profile()


@pytest.mark.parametrize(
    ("policy", "has_exif", "has_position", "has_xmp"),
    [
        (Metadata.KEEP, True, True, True),
        (Metadata.STRIP_GPS, True, False, False),
        (Metadata.STRIP, False, False, False),
    ],
)
def test_policies(policy, has_exif, has_position, has_xmp):
    result = carried(header(icc=ICC, exif=exif(6, gps=True), xmp=XMP), policy)
    assert result.icc == ICC
    assert (result.exif is not None) == has_exif
    assert (SECONDS in (result.exif or b"")) == has_position
    assert (result.xmp is not None) == has_xmp


def test_xmp_that_is_kept_describes_an_upright_picture():
    for before, after in (
        (b'tiff:Orientation="6"', b'tiff:Orientation="1"'),
        (b"tiff:Orientation='8'", b"tiff:Orientation='1'"),
        (b"<tiff:Orientation>3</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b"<t:Orientation> 3 </t:Orientation>", b"<t:Orientation> 1 </t:Orientation>"),
        (b'crs:Orientation="16"', b'crs:Orientation="16"'),
    ):
        assert carried(header(xmp=before), Metadata.KEEP).xmp == after


def test_a_cmyk_profile_ends_with_its_pixels():
    assert carried(header(icc=profile("CMYK"), cmyk=True), Metadata.KEEP).icc is None


@pytest.mark.parametrize(
    "icc",
    [b"", b"profile", ICC[:100], ICC[:36] + b"none" + ICC[40:], ICC[:-50]],
    ids=["empty", "text", "cut in its head", "signature", "cut at its end"],  # a profile contains the time of day
)
def test_bytes_that_are_not_a_profile_are_dropped(icc):
    assert carried(header(icc=icc), Metadata.KEEP).icc is None


# --- where it is in files ----


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_profile_exif_and_xmp_are_found_in_every_format(kind):
    said = samples.Image.Exif()
    said[0x010F] = "Camera & Co"
    text = samples.PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    more = {"pnginfo": text} if kind == "PNG" else {"xmp": XMP}
    found = read_header(saved(pil(BGR), kind, exif=said.tobytes(), icc_profile=ICC, **more))
    assert found.icc == ICC
    assert found.xmp == XMP
    assert pillow_tags(found.exif)[0x010F] == "Camera & Co"


def test_profile_and_xmp_are_found_in_tiff_and_the_profile_in_jpeg_2000():
    tags = samples.TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = XMP
    found = read_header(saved(pil(BGR), "TIFF", icc_profile=ICC, tiffinfo=tags))
    assert (found.icc, found.xmp, found.exif) == (ICC, XMP, None)
    bare = saved(pil(BGR), "JPEG2000")
    at = bare.index(b"colr") - 4
    size = int.from_bytes(bare[at : at + 4], "big")
    colr = samples.box(b"colr", b"\x02\0\0", ICC)
    file = bytearray(bare[:at] + colr + bare[at + size :])
    jp2h = file.index(b"jp2h") - 4
    longer = int.from_bytes(file[jp2h : jp2h + 4], "big") + len(colr) - size
    file[jp2h : jp2h + 4] = longer.to_bytes(4, "big")
    assert read_header(bytes(file)).icc == ICC


def test_a_profile_in_several_jpeg_segments_is_joined():
    large = bytearray(ICC + bytes(200_000))
    large[:4] = len(large).to_bytes(4, "big")
    assert read_header(saved(pil(BGR), "JPEG", icc_profile=bytes(large))).icc == bytes(large)
