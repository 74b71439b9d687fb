"""AVIF and HEIC of full and limited range, with and without nclx, in all depths and samplings: as Pillow (libavif)
shows them, or by the formula of ITU-T H.273.
"""

import io

import numpy as np
import pillow_heif
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from filterfleet.worker.formats.av1 import says_full_range
from tests.unit import avif_files
from tests.unit.samples import BGR, Image, opened, saved, vips

RAMP = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (64, 1))


def levels(file):
    """Colour of 8 bits, in RGB order."""
    image = decode(file, read_header(file))
    image = image if image.dtype == np.uint8 else np.rint(image / 257).astype(np.uint8)
    return np.dstack([image] * 3) if image.ndim == 2 else image[:, :, 2::-1]


def by_pillow(file):
    return np.asarray(opened(file).convert("RGB"))


def nclx(file, *, stated):
    return file if stated else avif_files.without_nclx(file)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("sampling", ["4:0:0", "4:2:0", "4:4:4"])
@pytest.mark.parametrize("span", ["full", "limited"])
def test_avif_of_8_bits(span, sampling, stated):
    picture = Image.fromarray(RAMP) if sampling == "4:0:0" else Image.fromarray(RAMP).convert("RGB")
    file = nclx(saved(picture, "AVIF", range=span, subsampling=sampling, quality=100), stated=stated)
    assert np.abs(levels(file).astype(int) - by_pillow(file)).max() <= 1
    assert (levels(file).min(), levels(file).max()) == (0, 255)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("span", ["full", "limited"])
@pytest.mark.parametrize("bits", [10, 12])
def test_gray_avif_of_more_bits(bits, span, stated):
    made = avif_files.full_range(bits) if span == "full" else avif_files.limited_range(bits)
    file = nclx(made, stated=stated)
    assert np.abs(levels(file).astype(int) - by_pillow(file)).max() <= 1
    image = decode(file, read_header(file))
    assert (image.dtype, image.min(), image.max()) == (np.uint16, 0, 65535)


@pytest.mark.parametrize("sampling", ["on", "off"])
@pytest.mark.parametrize("bits", [10, 12])
def test_colour_avif_of_more_bits(bits, sampling):
    made = vips(np.dstack([RAMP] * 3)).heifsave_buffer(
        compression="av1", bitdepth=bits, subsample_mode=sampling, Q=100, keep="none"
    )
    file = bytes(made)
    assert np.abs(levels(file).astype(int) - by_pillow(file)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "RGB"])
@pytest.mark.parametrize("span", ["full", "limited"])
def test_heic(span, mode):
    """libheif stores gray samples as they are given, and colours in the range that it is told."""
    gray = np.tile(np.arange(16, 236, 3, dtype=np.uint8)[:64], (64, 1))
    given = {"L": gray, "LA": np.dstack([gray, RAMP]), "I;16": gray.astype(np.uint16) << 8, "RGB": BGR}[mode]
    packed = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.fromarray(given))
    heif.save(packed, quality=-1, chroma="444", full_range_flag=int(span == "full"))
    file = packed.getvalue()
    limited_gray = span == "limited" and mode != "RGB"
    wide = given.astype(float) / (256 if mode == "I;16" else 1)
    colours = wide[..., 0] if mode == "LA" else wide
    expected = ((colours - 16) * 255 / 219).clip(0, 255) if limited_gray else colours
    found = levels(file) if mode == "RGB" else levels(file)[:, :, 0]
    assert np.abs(found - expected).max() <= (2 if mode == "RGB" else 1)
    if mode == "LA":
        assert np.array_equal(decode(file, read_header(file))[:, :, 3], RAMP)


# --- colours multiplied by alpha ----

ALPHA = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (64, 1))
RED = np.dstack([np.full((64, 64), level, np.uint8) for level in (200, 60, 10)] + [ALPHA])


def multiplied_heic():
    """pillow_heif marks the alpha, and stores the colours as it gets them."""
    stored = np.dstack([np.rint(RED[:, :, :3] * (ALPHA[:, :, None] / 255)).astype(np.uint8), ALPHA])
    heif = pillow_heif.from_pillow(Image.fromarray(stored))
    heif.premultiplied_alpha = True
    packed = io.BytesIO()
    heif.save(packed, quality=-1, chroma="444")
    return packed.getvalue()


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_colours_that_are_multiplied_by_alpha_are_divided(kind):
    """The golden value is the picture that was multiplied; Pillow (libavif) does it for AVIF."""
    file = (
        saved(Image.fromarray(RED), "AVIF", quality=100, subsampling="4:4:4", alpha_premultiplied=True)
        if kind == "avif"
        else multiplied_heic()
    )
    assert b"prem" in file
    image = decode(file, read_header(file))
    assert np.array_equal(image[:, :, 3], ALPHA)
    error = np.abs(image[:, :, 2::-1].astype(float) - RED[:, :, :3])
    stored = error * ALPHA[:, :, None] / 255  # in levels of the numbers in the file, which are rounded and encoded
    assert stored[ALPHA > 0].max() <= 2


def test_the_range_in_the_stream_is_found_whatever_precedes_it():
    """A temporal delimiter, an extension of the unit's header, and a unit without a size."""
    stream = avif_files.full_range(10)
    content = stream[stream.index(b"mdat") + 4 :]
    assert says_full_range(content) is True
    at = content.index(b"\x0a")  # the sequence header, type 1 with a size
    unit = content[at : at + 2 + content[at + 1]]
    assert says_full_range(b"\x12\0" + unit) is True
    assert says_full_range(b"\x0e\0" + unit[1:]) is True
    assert says_full_range(b"\x08" + unit[2:]) is True
    assert says_full_range(b"\x12\0") is None
    assert says_full_range(b"") is None


@pytest.mark.parametrize("place", range(0, 330, 3))
def test_a_spoiled_avif_is_read_or_refused(place):
    file = bytearray(avif_files.without_nclx(avif_files.limited_range(12)))
    file[place : place + 2] = b"\xff\xff"
    try:
        image = levels(bytes(file))
    except ImageError:
        return
    assert image.shape[2] == 3
