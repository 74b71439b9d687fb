"""Every format that is written, read back by Pillow or OpenCV: pixels, depth, transparency, profile and metadata."""

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.common.jobs.output_options import TILED
from filterfleet.common.jobs.recipe import ENCODINGS, SAME
from filterfleet.worker.formats import Carried, Target, encode
from filterfleet.worker.pixels.channels import over_white
from filterfleet.worker.pixels.opencv import cv2
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, XMP, deep, difference, exif, opened, profile

FORMATS = sorted(EXTENSION_OF_FORMAT)
ICC = profile()
KINDS = {
    "gray": GRAY,
    "gray and alpha": GRAY_ALPHA,
    "colour": BGR,
    "alpha": BGRA,
    "deep gray": deep(GRAY),
    "deep gray and alpha": deep(GRAY_ALPHA),
    "deep colour": deep(BGR),
    "deep alpha": deep(BGRA),
}
LOSSY = ("jpeg", "webp", "avif")


def in_opencv(file):
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)


def in_vips(file):
    """Pillow reads colour in 8 bits."""
    image = samples.pyvips.Image.new_from_buffer(file, "").numpy()
    return image[:, :, [2, 1, 0, 3][: image.shape[2]]] if image.ndim == 3 and image.shape[2] > 2 else image


def as_colour(image):
    """BGR or BGRA."""
    if image.ndim == 2:
        return np.dstack([image] * 3)
    return np.dstack([image[:, :, :1]] * 3 + [image[:, :, 1:]]) if image.shape[2] == 2 else image


def eight(image):
    return image if image.dtype == np.uint8 else np.round(image / 257).astype(np.uint8)


def test_all_encodings_of_recipes_are_written():
    assert set(ENCODINGS) - {SAME, *TILED} <= set(FORMATS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image_format", FORMATS)
def test_pixels_survive_as_documented(kind, image_format):
    image = KINDS[kind]
    file = encode(image, Target(image_format, quality=100))
    expected = eight(over_white(image)) if image_format == "jpeg" else image
    if image_format in ("webp", "bmp"):
        expected = eight(expected)
    seen = in_vips(file) if expected.dtype == np.uint16 else samples.pixels(opened(file))
    tolerance = 0.05 if image_format in LOSSY else 0.0
    if image_format in ("webp", "avif") or (image_format == "bmp" and expected.ndim == 3):
        expected, seen = as_colour(expected), as_colour(seen)
    if expected.ndim == 3 and expected.shape[2] == 4:  # a codec may change colours that nobody sees
        assert difference(seen[:, :, 3:], expected[:, :, 3:]) <= tolerance
        visible = expected[:, :, 3] > np.iinfo(expected.dtype).max // 2
        expected, seen = expected[visible], seen[visible]
    assert difference(seen, expected) <= tolerance


@pytest.mark.parametrize("quality", [1, 50, 90, 100])
def test_a_jpeg_without_metadata_is_opencvs_byte_for_byte(quality):
    for image in (BGR, GRAY):
        plain = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        assert encode(image, Target("jpeg", quality)) == plain


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_same_image_gives_the_same_bytes(image_format):
    carried = Carried(ICC, exif(), XMP)
    once, twice = (encode(BGR.copy(), Target(image_format), carried) for _ in range(2))
    assert once == twice


@pytest.mark.parametrize("image_format", FORMATS)
def test_an_array_that_is_not_contiguous_is_stored_as_it_looks(image_format):
    assert encode(BGR[::-1, ::2], Target(image_format)) == encode(BGR[::-1, ::2].copy(), Target(image_format))


@pytest.mark.parametrize("image_format", LOSSY)
def test_quality_changes_the_size_and_the_look(image_format):
    image = samples.picture(200, 300)
    files = [encode(image, Target(image_format, quality)) for quality in (10, 50, 95)]
    assert [len(file) for file in files] == sorted(len(file) for file in files)
    errors = [np.abs(samples.pixels(opened(file)).astype(int) - image).mean() for file in files]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif", "tiff"])
def test_effort_makes_files_smaller_and_leaves_lossless_pixels_alone(image_format):
    image = samples.picture(120, 160)
    fast, small = (encode(image, Target(image_format, effort=effort)) for effort in (0, 9))
    assert len(small) < len(fast)
    if image_format not in LOSSY:
        assert np.array_equal(in_opencv(small), image)
        assert np.array_equal(in_opencv(fast), image)


def test_bilevel_images_take_one_bit_a_pixel_in_png():
    edges = (GRAY > 128).astype(np.uint8) * 255
    carried = Carried(exif=exif())
    file = encode(edges, Target("png"), carried, bilevel=True)
    assert file[24] == 1
    assert np.array_equal(in_opencv(file), edges)
    assert opened(file).getexif()[0x010F] == "Camera & Co"
    assert np.array_equal(in_opencv(encode(edges, Target("tiff"), bilevel=True)), edges)
    deeper = np.dstack([edges, edges])
    assert np.array_equal(samples.pixels(opened(encode(deeper, Target("png"), bilevel=True))), deeper)


# --- metadata ----


CARRIES = {"jpeg": (True, True), "png": (True, True), "webp": (True, True), "avif": (True, True), "tiff": (True, True)}


@pytest.mark.parametrize("image_format", CARRIES)
@pytest.mark.parametrize("kind", ["colour", "alpha", "deep colour"])
def test_profile_exif_and_xmp_go_along(image_format, kind):
    has_exif, has_xmp = CARRIES[image_format]
    found = opened(encode(KINDS[kind], Target(image_format), Carried(ICC, exif(gps=True), XMP)))
    assert found.info["icc_profile"] == ICC
    assert (found.getexif().get(0x010F) == "Camera & Co") == has_exif
    assert (found.getexif().get_ifd(0x8825).get(2) == samples.NORTH) == has_exif
    assert (found.info.get("xmp") == XMP) == has_xmp


@pytest.mark.parametrize("image_format", CARRIES)
def test_no_metadata_is_made_up(image_format):
    found = opened(encode(BGR, Target(image_format)))
    assert not {"icc_profile", "xmp", "exif"} & set(found.info)


@pytest.mark.parametrize("image_format", CARRIES)
def test_a_profile_of_colours_says_nothing_of_gray_nor_the_other_way_round(image_format):
    gray_profile = profile("GRAY")
    for image, fitting, other in ((BGR, ICC, gray_profile), (GRAY, gray_profile, ICC), (GRAY_ALPHA, gray_profile, ICC)):
        assert "icc_profile" not in opened(encode(image, Target(image_format), Carried(icc=other))).info
        found = opened(encode(image, Target(image_format), Carried(icc=fitting))).info.get("icc_profile")
        assert found == (None if image_format in ("webp", "avif") and image is not BGR else fitting)


def test_bmp_carries_neither_exif_nor_xmp():
    assert encode(BGR, Target("bmp"), Carried(None, exif(), XMP)) == encode(BGR, Target("bmp"))


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp"])
def test_pixels_are_the_same_bytes_with_and_without_metadata(image_format):
    plain, full = (encode(BGRA, Target(image_format), carried) for carried in (Carried(), Carried(ICC, exif(), XMP)))
    assert np.array_equal(in_opencv(plain), in_opencv(full))


def test_a_large_profile_takes_several_jpeg_segments():
    large = bytearray(ICC + bytes(200_000))
    large[:4] = len(large).to_bytes(4, "big")
    assert opened(encode(BGR, Target("jpeg"), Carried(icc=bytes(large)))).info["icc_profile"] == bytes(large)


def test_exif_and_xmp_too_large_for_a_jpeg_segment_are_left_out():
    carried = Carried(ICC, b"MM\0*" + bytes(70_000), b" " * 70_000)
    found = opened(encode(BGR, Target("jpeg"), carried))
    assert found.info["icc_profile"] == ICC
    assert not {"exif", "xmp"} & set(found.info)


def test_a_webp_with_metadata_says_so_in_its_flags():
    file = encode(BGRA, Target("webp"), Carried(ICC, exif(), XMP))
    assert file[12:16] == b"VP8X"
    assert file[20] == 0x10 | 0x20 | 0x08 | 0x04
    assert struct.unpack("<I", file[4:8])[0] == len(file) - 8
    assert len(file) % 2 == 0


# --- limits ----


@pytest.mark.parametrize(
    ("image_format", "shape"),
    [("jpeg", (70_000, 1, 3)), ("jpeg", (1, 70_000)), ("webp", (1, 17_000, 3)), ("avif", (17_000, 1, 3))],
)
def test_an_image_too_large_for_its_format_is_one_sentence(image_format, shape):
    height, width = shape[:2]
    with pytest.raises(ImageError, match=rf"^A {width} x {height} image cannot be stored as {image_format.upper()}\.$"):
        encode(np.zeros(shape, np.uint8), Target(image_format))
