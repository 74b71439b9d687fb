"""Colours and densities in the headers of BMP and JPEG 2000: against published matrices, Pillow and LittleCMS."""

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.formats import decode, read_header
from filterfleet.worker.formats.bmp_colour import profile_of
from filterfleet.worker.pixels.opencv import cv2
from tests.unit import samples
from tests.unit.colour_science import ciede2000, gamma_curve, lab_of, shown, srgb_curve, stated
from tests.unit.samples import Image, opened, saved, with_curve
from tests.unit.test_cielab import lab_levels, lab_of_pillow
from tests.unit.test_colour import PICTURE, output

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
CALIBRATED, EMBEDDED, SRGB = 0, 0x4D424544, 0x73524742


def bmp(kind, endpoints=bytes(36), gammas=(0, 0, 0), profile=b"", density=(0, 0)):
    """A BMP of 24 bits with Windows' header of 108 bytes, or 124 with a profile."""
    size = 124 if profile else 108
    rows = PICTURE[::-1, :, ::-1].tobytes()
    height, width = PICTURE.shape[:2]
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, 24, 0, len(rows), *density, 0, 0)
    head += bytes(16) + struct.pack("<I", kind) + endpoints + struct.pack("<3I", *(round(65536 * g) for g in gammas))
    if profile:
        head += struct.pack("<IIII", 4, size + len(rows), len(profile), 0)
    whole = 14 + len(head) + len(rows) + len(profile)
    return b"BM" + struct.pack("<IHHI", whole, 0, 0, 14 + size) + head + rows + profile


def fixed(values):
    return struct.pack("<9i", *(round(value * (1 << 30)) for value in np.ravel(values)))


def xyz_endpoints(places, white=(0.3127, 0.3290)):
    """X, Y and Z of the primaries, which add up to the white."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in places]).T
    x, y = white
    return fixed((columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])).T)


CHROMATICITIES = fixed([(x, y, 1 - x - y) for x, y in P3])
STATED = {
    "endpoints as chromaticities": (bmp(CALIBRATED, CHROMATICITIES, (2.2, 2.2, 2.2)), "p3", gamma_curve(2.2)),
    "endpoints as X, Y and Z": (bmp(CALIBRATED, xyz_endpoints(P3), (1.8, 1.8, 1.8)), "p3", gamma_curve(1.8)),
    "gammas of their own": (
        bmp(CALIBRATED, xyz_endpoints(P3), (1.8, 2.2, 2.6)),
        "p3",
        lambda values: values ** np.array([1.8, 2.2, 2.6]),
    ),
    "a profile inside": (bmp(EMBEDDED, profile=with_curve(1.8)), "srgb", gamma_curve(461 / 256)),
    "sRGB": (bmp(SRGB), "srgb", srgb_curve),
    "nothing": (bmp(CALIBRATED), "srgb", srgb_curve),
}


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("image_format", ["tiff", "png"])
def test_colours_of_a_bmp_are_shown(name, image_format):
    file, space, curve = STATED[name]
    assert ciede2000(shown(output(file, image_format)), stated(PICTURE, space, curve)).max() < 1


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("steps", [(), (Step("grayscale"),)], ids=["colour", "gray"])
def test_colours_of_a_bmp_stay_in_a_bmp(name, steps):
    """The output's own header has the profile, and Pillow reads the pixels as before."""
    file = STATED[name][0]
    same = output(file, "bmp", *steps)
    assert np.array_equal(decode(same, read_header(same)).shape[:2], PICTURE.shape[:2])
    assert profile_of(same) == read_header(same).icc
    if not steps:
        assert np.array_equal(np.asarray(opened(same).convert("RGB")), PICTURE)
        assert read_header(same).icc == read_header(file).icc


def test_a_bmp_with_alpha_keeps_its_colours():
    made = bytearray(cv2.imencode(".bmp", np.dstack([PICTURE, PICTURE[:, :, 0]]))[1].tobytes())
    struct.pack_into("<I", made, 70, CALIBRATED)
    made[74:122] = xyz_endpoints(P3) + struct.pack("<3I", *[round(2.2 * 65536)] * 3)
    result = output(bytes(made), "bmp")
    assert read_header(result).icc == read_header(bytes(made)).icc is not None
    assert np.array_equal(decode(result, read_header(result)), np.dstack([PICTURE, PICTURE[:, :, 0]]))


NONSENSE = {
    "no gamma": bmp(CALIBRATED, xyz_endpoints(P3)),
    "a huge gamma": bmp(CALIBRATED, xyz_endpoints(P3), (2.2, 60_000, 2.2)),
    "endpoints on a line": bmp(CALIBRATED, fixed([(0.3, 0.3, 0.4)] * 3), (2.2, 2.2, 2.2)),
    "negative endpoints": bmp(CALIBRATED, struct.pack("<9i", *[-1] * 9), (2.2, 2.2, 2.2)),
    "a profile that is none": bmp(EMBEDDED, profile=b"x" * 200),
    "a profile elsewhere": bmp(0x4C494E4B, profile=b"c:\\a.icc\0"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_makes_no_sense_is_left_out(name):
    header = read_header(NONSENSE[name])
    assert header.icc is None
    assert bool(header.notes) == (name == "a profile that is none")
    assert np.array_equal(decode(NONSENSE[name], header)[:, :, ::-1], PICTURE)


def test_the_density_of_a_bmp_stays():
    file = bmp(SRGB, density=(11811, 5906))
    assert opened(file).info["dpi"] == pytest.approx((300, 150), abs=0.1)
    for image_format in ("bmp", "png", "tiff", "jpeg"):
        assert opened(output(file, image_format)).info["dpi"] == pytest.approx((300, 150), abs=0.6)
    assert "dpi" not in opened(output(bmp(SRGB), "png")).info


# --- JPEG 2000 ----


def jp2(components, space, *, parameters=b"", resolution=b""):
    """Lossless, with these numbers as components and another colour space in the header."""
    if components.dtype == np.uint8:
        file = saved(Image.fromarray(components), "JPEG2000", mct=0)
    else:
        file = cv2.imencode(".jp2", components[:, :, ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
    at = file.index(b"jp2h") - 4
    length = int.from_bytes(file[at : at + 4], "big")
    inside = file[at + 8 : at + length]
    start = inside.index(b"colr") - 4
    old = inside[start : start + int.from_bytes(inside[start : start + 4], "big")]
    colours = samples.box(b"colr", struct.pack(">BBBI", 1, 0, 0, space) + parameters)
    return file[:at] + samples.box(b"jp2h", inside.replace(old, colours) + resolution) + file[at + length :]


def read(file):
    return decode(file, read_header(file))[:, :, ::-1]


def test_sycc_becomes_rgb():
    stored = np.asarray(Image.fromarray(PICTURE).convert("YCbCr"))
    file = jp2(stored, 18)
    expected = np.asarray(Image.fromarray(stored, "YCbCr").convert("RGB")).astype(int)
    assert np.abs(read(file) - expected).max() <= 1
    assert ciede2000(lab_levels(read(file) / 255), lab_levels(expected / 255)).max() < 1


def test_sycc_of_16_bits_becomes_rgb():
    """By the formula of ITU-R BT.601, in float64."""
    rgb = PICTURE * 257.0
    luma = rgb @ [0.299, 0.587, 0.114]
    stored = np.dstack([luma, 32768 + (rgb[:, :, 2] - luma) / 1.772, 32768 + (rgb[:, :, 0] - luma) / 1.402])
    found = read(jp2(np.rint(stored).clip(0, 65535).astype(np.uint16), 18))
    assert found.dtype == np.uint16
    assert np.abs(found - rgb).max() <= 3


@pytest.mark.parametrize("named", [False, True])
def test_cielab_becomes_rgb(named):
    """As LittleCMS has it. The usual ranges are those of ISO 15444-2: 170 and 200 wide, with the zero at 128 and 96."""
    lab = np.stack([np.asarray(band) for band in lab_of_pillow(Image.fromarray(PICTURE)).split()], -1).astype(float)
    if named:
        stored, parameters = lab.astype(np.uint8), struct.pack(">7I", 100, 0, 255, 128, 255, 128, 0x00443530)
    else:
        stored = np.rint((lab - 128) * np.array([1, 255 / 170, 255 / 200]) + np.array([128, 128, 96]))
        stored, parameters = stored.clip(0, 255).astype(np.uint8), b""
    found = read(jp2(stored, 14, parameters=parameters))
    assert ciede2000(lab_levels(found / 255), lab_levels(PICTURE / 255)).max() < 1.2  # 8 bits of L*a*b* are coarse
    exact = lab / [2.55, 1, 1] - [0, 128, 128]
    assert ciede2000(lab_levels(found / 255), exact).max() < 1


@pytest.mark.parametrize("space", [3, 12, 21, 24])
def test_other_colours_are_refused_by_name(space):
    with pytest.raises(ImageError, match=r"The JP2 file has colours of the kind .*, which cannot be read."):
        read_header(jp2(PICTURE, space))


@pytest.mark.parametrize("method", [2, 3])
def test_a_profile_is_kept(method):
    file = jp2(PICTURE, 16).replace(struct.pack(">I4sBBBI", 15, b"colr", 1, 0, 0, 16), b"HERE!")
    assert b"HERE!" in file
    profile = with_curve(1.8)
    length = int.from_bytes(file[file.index(b"jp2h") - 4 :][:4], "big")
    file = file.replace(struct.pack(">I", length) + b"jp2h", struct.pack(">I", length + len(profile) - 4) + b"jp2h")
    file = file.replace(b"HERE!", samples.box(b"colr", bytes([method, 0, 0]) + profile))
    assert ciede2000(shown(output(file, "png")), stated(PICTURE, "srgb", gamma_curve(461 / 256))).max() < 1


def test_the_density_of_a_jp2_stays():
    """300 and 150 dots an inch: 11811 and 5906 per metre, as numerator, denominator and exponent."""
    captured = samples.box(b"resc", struct.pack(">HHHHbb", 5906, 1, 11811, 10, 0, 1))
    shown_at = samples.box(b"resd", struct.pack(">HHHHbb", 1, 1, 1, 1, 2, 2))
    file = jp2(PICTURE, 16, resolution=samples.box(b"res ", captured, shown_at))
    for image_format in ("png", "tiff", "jpeg"):
        assert opened(output(file, image_format)).info["dpi"] == pytest.approx((300, 150), abs=0.6)
    odd = samples.box(b"res ", samples.box(b"resc", struct.pack(">HHHHbb", 1, 0, 1, 0, 99, 99)))
    assert read_header(jp2(PICTURE, 16, resolution=odd)).density is None


def test_lab_of_white_is_white():
    assert np.abs(lab_of(np.array([0.96422, 1.0, 0.82521])) - [100, 0, 0]).max() < 0.01
