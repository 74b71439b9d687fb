"""JPEG XL: what its header says, and colours that are not sRGB."""

from __future__ import annotations

import io
import struct
import warnings
from types import SimpleNamespace

import numpy as np
import pillow_jxl
import pytest
from PIL import Image, ImageOps

from filterfleet.worker.formats import decode, jxl, read_header
from filterfleet.worker.formats.containers import DamagedHeader
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, WIDTH, difference, picture, pil, saved, vips


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (8, 8), (256, 256), (256, 8), (257, 256), (600, 500), (640, 480), (320, 180), (700, 513), (3, 9000)],
)
def test_the_header_tells_the_size_without_the_library(width, height):
    """Each way in which a codestream writes a size: in eighths, by a ratio, in 9 and in more bits."""
    found = read_header(saved(pil(np.zeros((height, width, 3), np.uint8)), "JXL", lossless=True, effort=1))
    assert (found.width, found.height) == (width, height)


def bits(*fields: tuple[int, int]) -> bytes:
    """A codestream of (value, number of bits), each with its lowest bit first, and zeros behind it."""
    value, at = 0, 0
    for field, count in fields:
        value |= field << at
        at += count
    return b"\xff\x0a" + value.to_bytes(80, "little")


SIZE = ((1, 1), (3, 5), (1, 3))  # 32 x 32
FLOAT_32 = ((1, 1), (0, 2))


def test_the_header_finds_orientation_and_depth_behind_everything_that_may_come_before():
    intrinsic = ((1, 1), *SIZE)
    preview = ((1, 1), (0, 1), (0, 2), (5, 6), (0, 3), (1, 2), (9, 8))
    animation = ((1, 1), (2, 2), (23, 10), (0, 2), (1, 2), (3, 3), (0, 1))
    extras = ((1, 1), (5, 3), *intrinsic, *preview, *animation)
    facts = jxl._facts(bits(*SIZE, (0, 1), *extras, (0, 1), (3, 2), (13, 6)))
    assert facts == jxl._Facts(32, 32, orientation=6, bits=14, animated=True)
    assert jxl._facts(bits(*SIZE, (0, 1), (0, 1), *FLOAT_32)).bits == 32
    with pytest.raises(DamagedHeader):
        jxl._facts(b"\xff\x0a\xff")


def test_a_codestream_in_parts_is_put_together():
    plain = saved(pil(picture(height=100, width=123)), "JXL", lossless=True)
    parts = [(b"jxlp", bytes(4) + plain[:4]), (b"free", b"?"), (b"jxlp", bytes([0, 0, 0, 1]) + plain[4:6])]
    parts.append((b"jxlp", bytes([128, 0, 0, 2]) + plain[6:]))
    start = b"\0\0\0\x0cJXL \r\n\x87\n" + samples.box(b"ftyp", b"jxl \0\0\0\0jxl ")
    file = start + b"".join(samples.box(kind, content) for kind, content in parts)
    found = read_header(file)
    assert (found.width, found.height) == (123, 100)
    assert difference(decode(file, found), picture(height=100, width=123)) == 0


def test_exif_and_xmp_are_found_with_and_without_an_offset():
    exif, xmp = samples.exif(6), b"<x:xmpmeta/>"
    plain = saved(pil(BGR), "JXL", lossless=True)
    for box in (exif, bytes(4) + exif, b"\0\0\0\2??" + exif):
        start = b"\0\0\0\x0cJXL \r\n\x87\n" + samples.box(b"Exif", box) + samples.box(b"xml ", xmp)
        found = read_header(start + samples.box(b"jxlc", plain))
        assert (found.exif, found.xmp, found.orientation) == (exif, xmp, 1)


def test_a_jpeg_inside_comes_out_upright(tmp_path):
    """libjxl gives the JPEG back as it was; Pillow turns that."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(saved(pil(BGR), "JPEG", quality=95, exif=b"Exif\0\0" + samples.exif(6)))
    file = io.BytesIO()
    with warnings.catch_warnings(), Image.open(photo) as image:
        warnings.simplefilter("ignore")
        image.save(file, "JXL", lossless_jpeg=True)
        expected = samples.pixels(ImageOps.exif_transpose(image))
    found = read_header(file.getvalue())
    assert (found.width, found.height) == (HEIGHT, WIDTH)
    assert difference(decode(file.getvalue(), found), expected) == 0


def p3() -> bytes:
    return bytes(vips(BGR).icc_export(output_profile="p3").get("icc-profile-data"))


@pytest.mark.parametrize(("image", "mode"), [(BGR, "RGB"), (BGRA, "RGBA")])
def test_colours_that_are_not_srgb_are_converted(image, mode, monkeypatch):
    """LittleCMS, by way of Pillow, says what they are in sRGB."""
    rgb = np.asarray(pil(image))
    info = SimpleNamespace(mode=mode, width=WIDTH, height=HEIGHT)
    answer = (False, info, rgb.tobytes(), p3(), [])
    monkeypatch.setattr(pillow_jxl, "Decoder", lambda **_: lambda _: answer)
    profile = samples.ImageCms.ImageCmsProfile(io.BytesIO(p3()))
    srgb, intent = samples.ImageCms.createProfile("sRGB"), samples.ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = samples.ImageCms.profileToProfile(pil(BGR), profile, srgb, renderingIntent=intent)
    found = jxl.decode(b"")
    assert difference(found[:, :, :3], samples.pixels(converted)) <= 1 / 255
    assert difference(found[:, :, :3], BGR) > 5 / 255
    assert np.array_equal(found[:, :, 3:], image[:, :, 3:])


def linear_gray() -> bytes:
    """A gray profile without a tone curve (ICC.1:2022): black to white in proportion to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(each * 65536) for each in (0.9642, 1.0, 0.8249)))
    curve = b"curv" + bytes(8)
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    size = 128 + len(table) + len(white) + len(curve)
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x",
        size,
        b"lcms",
        0x02400000,
        b"mntr",
        b"GRAY",
        b"XYZ ",
        b"acsp",
        *struct.unpack(">3i", white[8:]),
    )
    return head + table + white + curve


@pytest.mark.parametrize(("image", "mode"), [(GRAY, "L"), (GRAY_ALPHA, "LA")])
def test_gray_that_is_not_srgb_stays_gray(image, mode, monkeypatch):
    """The tone curve of IEC 61966-2-1 says which gray of sRGB it is."""
    info = SimpleNamespace(mode=mode, width=WIDTH, height=HEIGHT)
    answer = (False, info, image.tobytes(), linear_gray(), [])
    monkeypatch.setattr(pillow_jxl, "Decoder", lambda **_: lambda _: answer)
    linear = GRAY / 255
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    found = jxl.decode(b"")
    assert found.shape == image.shape
    assert difference(found[..., 0] if mode == "LA" else found, np.round(expected * 255).astype(np.uint8)) <= 1 / 255
    assert mode == "L" or np.array_equal(found[..., 1], image[..., 1])


# Two frames of 8 x 8 pixels, (200, 30, 10) and (10, 60, 220) in RGB order, by imagecodecs.jpegxl_encode (libjxl), since
# no encoder in the environment of the tests makes animations.
ANIMATED = bytes.fromhex(
    "ff0a41044d0020260804010064004b188b1500d48c313232c63b80883077f7c23da40e60ae4c050804050064004b188b1500d48c3146dec53b80f3"
    "2956df4b9cf2adc1b51a52"
)


def test_of_an_animation_the_last_frame_is_shown_and_the_report_says_so():
    """The golden value is the frame that was encoded. The package returns no other."""
    header = read_header(ANIMATED)
    assert header.notes == ("Only the last of several frames was processed.",)
    assert (decode(ANIMATED, header) == (220, 60, 10)).all()
