"""Density, EXIF, XMP and profiles in odd places, or broken. Pillow makes the files and reads the outputs."""

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Metadata, Output, Recipe, Step
from filterfleet.worker.formats import Target, carried, header, read_header
from filterfleet.worker.formats.exif import edited
from filterfleet.worker.pipeline import grow, process
from filterfleet.worker.strips import process_in_strips
from tests.unit import samples
from tests.unit.samples import BGR, GRAY, GRAY_ALPHA, XMP, exif, ihdr, jpeg_with, opened, pil, png, profile, saved

IDAT = samples.zlib.compress(b"".join(b"\0" + row.tobytes() for row in BGR[:, :, ::-1]))
HEAD = ihdr(BGR.shape[1], BGR.shape[0])


def output(file, image_format, *steps, metadata=Metadata.KEEP):
    done = process(file, Recipe((Output("out", steps, image_format, 95),), metadata))
    return bytes(done.blobs[0])


def streamed(file, image_format, metadata=Metadata.KEEP):
    facts = read_header(file)
    root = grow(Recipe((Output("out", (), image_format),), metadata))
    targets = {"out": Target(image_format)}
    files = process_in_strips(file, facts, root, targets, carried=carried(facts, metadata)).files
    with files["out"] as blob:
        return blob.read(0, len(blob))


# --- density ----


DENSE = {
    "JPEG": saved(pil(BGR), "JPEG", dpi=(300, 200)),
    "JPEG, in EXIF": jpeg_with(
        samples.vips(BGR).jpegsave_buffer(keep="none"),
        0xE1,
        b"Exif\0\0II*\0\x08\0\0\0\x03\0"
        + struct.pack("<HHII", 0x11A, 5, 1, 50)
        + struct.pack("<HHII", 0x11B, 5, 1, 58)
        + struct.pack("<HHII", 0x128, 3, 1, 2)
        + bytes(4)
        + struct.pack("<IIII", 300, 1, 200, 1),
    ),
    "PNG": saved(pil(BGR), "PNG", dpi=(300, 200)),
    "TIFF": saved(pil(BGR), "TIFF", dpi=(300, 200)),
    "TIFF, per centimetre": saved(
        pil(BGR), "TIFF", resolution_unit="cm", x_resolution=300 / 2.54, y_resolution=200 / 2.54
    ),
}


@pytest.mark.parametrize("source", DENSE)
@pytest.mark.parametrize("image_format", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize("way", [output, streamed])
def test_the_density_of_the_source_stays(source, image_format, way):
    file = way(DENSE[source], image_format, metadata=Metadata.STRIP)
    assert opened(file).info["dpi"] == pytest.approx((300, 200), abs=0.02)


def test_the_density_turns_with_the_picture():
    file = saved(pil(BGR), "JPEG", dpi=(300, 200), exif=b"Exif\0\0" + exif(6))
    assert opened(output(file, "png")).info["dpi"] == pytest.approx((200, 300), abs=0.02)


@pytest.mark.parametrize("source", [BGR, GRAY, GRAY_ALPHA], ids=["colour", "gray", "gray and alpha"])
@pytest.mark.parametrize("image_format", ["png", "tiff"])
@pytest.mark.parametrize("way", [output, streamed])
def test_no_density_is_made_up(source, image_format, way):
    made = opened(way(saved(pil(source), "PNG"), image_format))
    assert "dpi" not in made.info or image_format == "tiff"  # Pillow itself says 1 for a TIFF without one
    if image_format == "tiff":
        assert not {282, 283, 296} & set(made.tag_v2)
        assert np.array_equal(samples.pixels(made), source)


@pytest.mark.parametrize("chunk", [bytes(9), struct.pack(">IIB", 2**32 - 1, 2**32 - 1, 1), b"\0", bytes(8) + b"\1"])
def test_absurd_densities_are_left_out(chunk):
    file = png(HEAD, (b"pHYs", chunk), (b"IDAT", IDAT))
    for image_format in ("jpeg", "png", "tiff"):
        assert np.abs(samples.pixels(opened(output(file, image_format))).astype(int) - BGR).max() < 40


# --- EXIF in PNG ----


def raw_profile(data):
    """As ImageMagick writes it."""
    digits = data.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"\nexif\n%8d\n" % len(data) + lines + b"\n"


RAW = raw_profile(b"Exif\0\0" + exif(6))
ELSEWHERE = {
    "behind the pixels": (HEAD, (b"IDAT", IDAT), (b"eXIf", exif(6))),
    "with a prefix": (HEAD, (b"eXIf", b"Exif\0\0" + exif(6)), (b"IDAT", IDAT)),
    "raw profile": (HEAD, (b"tEXt", b"Raw profile type exif\0" + RAW), (b"IDAT", IDAT)),
    "raw profile, compressed": (
        HEAD,
        (b"zTXt", b"Raw profile type exif\0\0" + samples.zlib.compress(RAW)),
        (b"IDAT", IDAT),
    ),
    "raw profile, behind the pixels": (HEAD, (b"IDAT", IDAT), (b"tEXt", b"Raw profile type APP1\0" + RAW)),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_exif_in_png_is_found_wherever_it_stands(where):
    result = opened(output(png(*ELSEWHERE[where]), "png"))
    assert result.getexif()[0x010F] == "Camera & Co"
    assert result.getexif()[0x0112] == 1
    turned = samples.pixels(samples.ImageOps.exif_transpose(opened(png(*ELSEWHERE["with a prefix"]))))
    assert np.array_equal(samples.pixels(result), turned)


@pytest.mark.parametrize(
    "text",
    [
        b"Raw profile type exif\0",
        b"Raw profile type exif\0\nexif\n 5\nzz",
        b"Raw profile type exif\0\nexif\n 5\n123",
        b"Raw profile type exif",
    ],
)
def test_a_raw_profile_that_is_none_is_left_out(text):
    file = png(HEAD, (b"tEXt", text), (b"zTXt", text + b"\0\0no deflate"), (b"IDAT", IDAT))
    assert np.array_equal(samples.pixels(opened(output(file, "png"))), BGR)


def test_xmp_behind_the_pixels_of_a_png_is_kept():
    file = png(HEAD, (b"IDAT", IDAT), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    assert b"exif:GPSLatitude" in opened(output(file, "png")).info["xmp"]


@pytest.mark.parametrize("keyword", [b"caf\xe9", b"\xff\xfe", b"\x80" * 79, b""])
def test_comments_that_are_not_utf_8_do_no_harm(keyword):
    for kind, more in ((b"tEXt", b""), (b"zTXt", b"\0"), (b"iTXt", b"\0\0\0\0")):
        file = png(HEAD, (kind, keyword + b"\0" + more + b"caf\xe9"), (b"IDAT", IDAT))
        assert np.array_equal(samples.pixels(opened(output(file, "png"))), BGR)


def test_a_fault_that_nobody_expected_is_one_sentence(monkeypatch, capfd):
    monkeypatch.setitem(header._READERS, "png", lambda blob: b"caf\xe9".decode())
    with pytest.raises(ImageError, match=r"^The PNG file cannot be read: its decoder failed \(UnicodeDecodeError\)\.$"):
        read_header(png(HEAD, (b"IDAT", IDAT)))
    assert "Traceback" not in "".join(capfd.readouterr())


# --- EXIF ----


def ifd(*entries):
    return struct.pack(">H", len(entries)) + b"".join(struct.pack(">HHII", *entry) for entry in entries)


def pillow_tags(data):
    image = samples.Image.Exif()
    image.load(data)
    return image


WITHOUT_POINTER = {
    "at the end of the data": b"MM\0*\0\0\0\x08" + ifd((0x0112, 3, 1, 6 << 16), (0x010F, 2, 4, 0x41424300)),
    "a value begins there": b"MM\0*\0\0\0\x08" + ifd((0x010F, 2, 9, 34), (0x0112, 3, 1, 6 << 16)) + b"Camera 1\0",
    "a directory begins there": b"MM\0*\0\0\0\x08"
    + ifd((0x010F, 2, 4, 0x41424300), (0x8769, 4, 1, 34))
    + ifd((0x9204, 9, 1, 7)),
}


@pytest.mark.parametrize("name", WITHOUT_POINTER)
@pytest.mark.parametrize("gps", [True, False])
def test_exif_without_a_pointer_to_a_next_directory_is_kept(name, gps):
    before, after = WITHOUT_POINTER[name] + bytes(4), edited(WITHOUT_POINTER[name], gps=gps)
    assert pillow_tags(after)[0x010F] == pillow_tags(before)[0x010F]
    assert dict(pillow_tags(after).get_ifd(0x8769)) == dict(pillow_tags(before).get_ifd(0x8769))
    assert pillow_tags(after).get(0x0112, 1) == 1


TOLD = {0x010F: "Camera & Co", 0x8298: "(c) Somebody", 0x013B: "Somebody", 0x9003: "2026:01:02 03:04:05"}


def told_in_full(byte_order="<"):
    made = samples.Image.Exif()
    made.endian = byte_order
    for tag, value in TOLD.items():
        (made.get_ifd(0x8769) if tag >= 0x9000 else made)[tag] = value
    made.get_ifd(0x8769)[0x829A] = samples.TiffImagePlugin.IFDRational(1, 250)
    made.get_ifd(0x8769)[0xA005] = {1: "R98"}
    made.get_ifd(0x8825).update({1: "N", 2: samples.NORTH})
    return made


def tiff_told_in_full(byte_order):
    """Pillow puts the directories of EXIF into a TIFF only when they are given one by one."""
    said = told_in_full()
    tags = samples.TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if byte_order == "<" else b"MM\0*\0\0\0\0")
    for tag in (0x010F, 0x8298, 0x013B):
        tags[tag] = said[tag]
    tags[0x8769] = dict(said.get_ifd(0x8769))
    tags[0x8825] = dict(said.get_ifd(0x8825))
    return saved(pil(BGR), "TIFF", tiffinfo=tags)


def check_told(file, *, position=True):
    found = opened(file).getexif()
    for tag, value in TOLD.items():
        assert (found.get_ifd(0x8769) if tag >= 0x9000 else found)[tag] == value
    assert found.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)
    assert found.get_ifd(0xA005)[1] == "R98"
    assert found.get_ifd(0x8825).get(2) == (samples.NORTH if position else None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("image_format", ["jpeg", "png", "tiff"])
def test_exif_and_copyright_go_from_and_to_tiff_and_png(order, source, image_format):
    file = tiff_told_in_full(order) if source == "TIFF" else saved(pil(BGR), source, exif=told_in_full(order))
    check_told(file)
    check_told(output(file, image_format))
    check_told(output(file, image_format, metadata=Metadata.STRIP_GPS), position=False)
    assert samples.NORTH not in dict(opened(output(file, image_format, metadata=Metadata.STRIP)).getexif()).values()
    assert 0x8298 not in opened(output(file, image_format, metadata=Metadata.STRIP)).getexif()


def test_exif_goes_into_a_tiff_in_strips():
    check_told(streamed(saved(pil(BGR), "JPEG", exif=told_in_full()), "tiff"))


# --- broken profiles ----


def icc_segment(number, count, data):
    return b"ICC_PROFILE\0" + bytes([number, count]) + data


ICC = profile()
HALF = len(ICC) // 2
BROKEN = {
    "number 0": [icc_segment(0, 1, ICC)],
    "doubled": [icc_segment(1, 2, ICC[:HALF]), icc_segment(1, 2, ICC[HALF:])],
    "one missing": [icc_segment(1, 3, ICC[:HALF]), icc_segment(3, 3, ICC[HALF:])],
    "beyond its count": [icc_segment(2, 1, ICC)],
    "counts differ": [icc_segment(1, 2, ICC[:HALF]), icc_segment(2, 3, ICC[HALF:])],
    "empty": [icc_segment(1, 1, b"")],
    "without numbers": [b"ICC_PROFILE\0"],
    "no profile inside": [icc_segment(1, 1, bytes(500))],
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("way", [output, streamed])
def test_a_jpeg_with_a_broken_profile_is_done_without_it(name, way):
    intact = file = saved(pil(BGR), "JPEG", quality=95)
    for segment in reversed(BROKEN[name]):
        file = jpeg_with(file, 0xE2, segment)
    made = opened(way(file, "png"))
    assert np.array_equal(samples.pixels(made), samples.pixels(opened(intact)))
    assert "icc_profile" not in made.info
    report = process(file, Recipe((Output("out", (Step("invert"),), "png"),))).report
    assert report["notes"] == "The colour profile of the file is broken and was left out."


def test_a_profile_behind_the_frame_header_is_as_good_as_any():
    file = saved(pil(BGR), "JPEG", quality=95)
    at = file.index(b"\xff\xda")
    data = icc_segment(1, 1, ICC)
    behind = file[:at] + struct.pack(">BBH", 0xFF, 0xE2, len(data) + 2) + data + file[at:]
    made = opened(output(behind, "png"))
    assert np.array_equal(samples.pixels(made), samples.pixels(opened(file)))
    assert made.info["icc_profile"] == ICC


def test_a_sound_jpeg_has_no_notes():
    file = jpeg_with(saved(pil(BGR), "JPEG"), 0xE2, icc_segment(1, 1, ICC))
    assert "notes" not in process(file, Recipe((Output("out", (), "png"),))).report
    assert opened(output(file, "png")).info["icc_profile"] == ICC
