"""Colours that files state, with a profile or without: outputs show the same ones. What they are comes from published
numbers (tests/unit/colour_science.py), what outputs show from LittleCMS.
"""

import struct

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import Metadata, Output, Recipe, Step
from filterfleet.worker.formats import icc
from filterfleet.worker.pipeline import process
from tests.unit import samples
from tests.unit.colour_science import (
    bt709_curve,
    ciede2000,
    gamma_curve,
    lab_of,
    shown,
    srgb_curve,
    stated,
)
from tests.unit.samples import ihdr, opened, png, profile, saved, with_curve

PATCHES = np.array(
    [
        [(255, 255, 255), (0, 0, 0), (128, 128, 128), (60, 60, 60)],
        [(200, 100, 50), (90, 160, 90), (70, 90, 190), (220, 200, 80)],
        [(170, 60, 120), (60, 150, 170), (190, 140, 110), (130, 100, 80)],
        [(240, 240, 200), (30, 30, 60), (100, 180, 210), (160, 160, 160)],
    ],
    np.uint8,
)
PICTURE = np.repeat(np.repeat(PATCHES, 16, axis=0), 16, axis=1)  # RGB; blocks of 16 survive a JPEG of quality 100
RAMP = np.repeat(np.repeat(np.arange(0, 256, 5, np.uint8)[None, :, None], 3, axis=2), 8, axis=0)


def png_of(picture, *chunks):
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    return png(ihdr(picture.shape[1], picture.shape[0]), *chunks, (b"IDAT", samples.zlib.compress(rows)))


def gama(value):
    return b"gAMA", struct.pack(">I", value)


P3_D65 = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


def nclx(kind, primaries, transfer):
    """Pillow writes sRGB's numbers; these stand in their place, and the decoded samples stay as they are."""
    file = saved(samples.Image.fromarray(PICTURE), kind, quality=100)
    before = b"colrnclx" + struct.pack(">HH", 1, 13)
    assert file.count(before) == 1
    return file.replace(before, b"colrnclx" + struct.pack(">HH", primaries, transfer))


def adobe_rgb_jpeg():
    said = samples.Image.Exif()
    said.get_ifd(0x8769)[0xA001] = 0xFFFF
    said.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    return saved(samples.Image.fromarray(PICTURE), "JPEG", quality=100, subsampling=0, exif=said.tobytes())


STATED = {
    "PNG, gAMA 1.0": (png_of(PICTURE, gama(100_000)), "srgb", gamma_curve(1.0)),
    "PNG, gAMA 1/1.8": (png_of(PICTURE, gama(55_556)), "srgb", gamma_curve(1.8)),
    "PNG, gAMA and cHRM": (png_of(PICTURE, gama(45_455), P3_D65), "p3", gamma_curve(2.2)),
    "PNG, cHRM": (png_of(PICTURE, P3_D65), "p3", srgb_curve),
    "PNG, sRGB": (png_of(PICTURE, (b"sRGB", b"\0"), gama(45_455)), "srgb", srgb_curve),
    "PNG, cICP of Display P3": (png_of(PICTURE, (b"cICP", bytes([12, 13, 0, 1]))), "p3", srgb_curve),
    "PNG, cICP of BT.2020": (png_of(PICTURE, (b"cICP", bytes([9, 14, 0, 1]))), "2020", bt709_curve),
    "AVIF, nclx of Display P3": (nclx("AVIF", 12, 13), "p3", srgb_curve),
    "AVIF, nclx of BT.709": (nclx("AVIF", 1, 1), "srgb", bt709_curve),
    "HEIC, nclx of Display P3": (nclx("HEIF", 12, 13), "p3", srgb_curve),
    "JPEG, EXIF of Adobe RGB": (adobe_rgb_jpeg(), "adobe", gamma_curve(563 / 256)),
}


def output(file, image_format, *steps, metadata=Metadata.STRIP, quality=100):
    done = process(file, Recipe((Output("out", steps, image_format, quality),), metadata))
    return bytes(done.blobs[0])


def numbers(file):
    """RGB, as Pillow decodes it."""
    return np.asarray(opened(file).convert("RGB")).astype(float)


@pytest.mark.parametrize("name", STATED)
def test_colour_that_is_stated_without_a_profile_is_shown(name):
    file, space, curve = STATED[name]
    apart = ciede2000(shown(output(file, "tiff")), stated(numbers(file), space, curve))
    assert apart[8::16, 8::16].max() < 1  # in the middle of the patches: decoders blur the chroma at their borders


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("image_format", ["jpeg", "webp", "avif"])
def test_lossy_outputs_state_the_same_of_their_own_numbers(name, image_format):
    file, space, curve = STATED[name]
    result = output(file, image_format)
    assert np.abs(numbers(result) - numbers(file))[8::16, 8::16].max() < 8
    assert ciede2000(shown(result), stated(numbers(result), space, curve))[8::16, 8::16].max() < 1


@pytest.mark.parametrize("name", [name for name in STATED if name.startswith("PNG")])
def test_png_to_png_keeps_the_chunks(name):
    file = STATED[name][0]
    kinds = [kind for kind in (b"cICP", b"sRGB", b"gAMA", b"cHRM") if kind in file]
    for steps in ((), (Step("grayscale"),)):
        result = output(file, "png", *steps)
        for kind in kinds:
            at, there = file.index(kind), result.index(kind)
            length = int.from_bytes(file[at - 4 : at], "big")
            assert result[there - 4 : there + 8 + length] == file[at - 4 : at + 8 + length]
            assert there < result.index(b"IDAT")


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("source", ["PNG", "AVIF"])
def test_hdr_travels_as_numbers_and_as_a_curve_for_readers_that_do_not_know_them(transfer, name, source):
    file = png_of(PICTURE, (b"cICP", bytes([9, transfer, 0, 1]))) if source == "PNG" else nclx("AVIF", 9, transfer)
    result = output(file, "tiff")
    icc = opened(result).info["icc_profile"]
    at = icc.index(b"cicp\0\0\0\0")
    assert icc[at + 8 : at + 12] == bytes([9, transfer, 0, 1])
    gray = np.asarray(opened(file).convert("RGB"))[4, 36].astype(float) / 255  # the patch 128, 128, 128
    light = (pq(gray) if name == "PQ" else hlg(gray)) / 203
    toned = light * (1 + light / (1000 / 203) ** 2) / (1 + light)
    wanted = lab_of(toned.mean() * np.array([0.96422, 1.0, 0.82521]))
    assert abs(shown(result)[4, 36, 0] - wanted[0]) < 1


def pq(v):
    """ITU-R BT.2100, table 4, in cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    p = v ** (1 / m2)
    return 10000 * (np.maximum(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1)


def hlg(v):
    """ITU-R BT.2100, table 5, of gray on a display of 1,000 cd/m2."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return 1000 * np.where(v <= 0.5, v**2 / 3, (np.exp((v - c) / a) + b) / 12) ** 1.2


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(0)],
        [gama(0xFFFFFFFF)],
        [(b"gAMA", b"\0")],
        [(b"cHRM", bytes(32))],
        [(b"cHRM", b"\xff" * 32)],
        [(b"cHRM", struct.pack(">8I", *[30000] * 8))],
        [(b"cICP", b"\x02\x02\0\1")],
        [(b"cICP", b"\x09")],
    ],
)
def test_statements_that_make_no_sense_leave_the_numbers_alone(chunks):
    file = png_of(PICTURE, *chunks)
    assert np.array_equal(np.asarray(opened(output(file, "tiff"))), PICTURE)
    assert "icc_profile" not in opened(output(file, "tiff")).info
    assert np.array_equal(np.asarray(opened(output(file, "png"))), PICTURE)


# --- colour made gray ----


@pytest.mark.parametrize("exponent", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("image_format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_gray_made_of_colour_looks_as_light_as_the_colour_did(exponent, image_format):
    file = saved(samples.Image.fromarray(RAMP), "PNG", icc_profile=with_curve(exponent))
    gray = output(file, image_format, Step("grayscale"))
    lightness = shown(gray)[..., 0]
    assert np.abs(lightness - shown(file)[..., 0]).max() < 1
    # In the darkest steps of linear light, LittleCMS' own 8 bits are too few for the formula.
    assert np.abs(lightness - stated(RAMP, "srgb", gamma_curve(exponent))[..., 0])[:, 2:].max() < 1


def test_gray_with_the_curve_of_srgb_needs_no_profile():
    file = saved(samples.Image.fromarray(RAMP), "PNG", icc_profile=profile())
    assert "icc_profile" not in opened(output(file, "jpeg", Step("grayscale"))).info


def test_a_profile_that_is_none_inside_is_left_out_of_gray():
    broken = profile()[:132] + bytes(len(profile()) - 132)
    file = saved(samples.Image.fromarray(RAMP), "PNG", icc_profile=broken)
    assert "icc_profile" not in opened(output(file, "tiff", Step("grayscale"))).info


CURVES = {
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 2.2),
    "P3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), 2.2),
}
CURVES["ProPhoto"] = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), 1.8)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("image_format", ["jpeg", "png", "tiff"])
def test_gray_of_wide_colours_is_as_light_as_they_are(name, image_format):
    """Of gray in the source's own space, as LittleCMS shows it: L* within 1."""
    *primaries, exponent = CURVES[name]
    white = (0.3457, 0.3585) if name == "ProPhoto" else (0.3127, 0.3290)
    made = icc.colour_profile(white, primaries, [icc.gamma(exponent)] * 3)
    file = saved(samples.Image.fromarray(RAMP), "PNG", icc_profile=made)
    lightness = shown(output(file, image_format, Step("grayscale")))[..., 0]
    assert np.abs(lightness - shown(file)[..., 0]).max() < 1
