"""CIELAB in TIFF: against LittleCMS by way of Pillow, and against formulas in float64, ΔE (CIEDE2000) below 1."""

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.colour_science import D50, MATRICES, ciede2000, lab_of, srgb_curve
from tests.unit.samples import Image, ImageCms, saved

SHAPE = HEIGHT, WIDTH = 60, 80
RGB = np.random.default_rng(4).integers(0, 256, (*SHAPE, 3), np.uint8)
CIELAB, ICCLAB, ITULAB = 8, 9, 10


def tiff(stored, photometric, **tags):
    """One strip of chunky samples; tags are (type, count, value), or rationals to be put behind the pixels."""
    bits, count = 8 * stored.itemsize, stored.shape[2]
    numbers = {256: (3, 1, stored.shape[1]), 257: (3, 1, stored.shape[0]), 259: (3, 1, 1), 262: (3, 1, photometric)}
    numbers |= {277: (3, 1, count), 278: (3, 1, stored.shape[0]), 279: (4, 1, stored.nbytes), 284: (3, 1, 1)}
    numbers |= {int(name[1:]): value for name, value in tags.items()}
    start = samples.tiff_data(len(numbers) + 2)
    behind = start + stored.nbytes
    numbers |= {273: (4, 1, start), 258: (3, count, behind)}
    if 318 in numbers:
        numbers[318] = (5, 2, behind + 2 * count)
    white = struct.pack("<4I", *tags.get("_318", (0, 0, 0, 0)))
    return samples.tiff(numbers, stored.tobytes() + struct.pack(f"<{count}H", *[bits] * count) + white)


def packed(lab, photometric, bits):
    """L*a*b* as the file has it (TIFF 6.0, section 23; TIFF Technical Notes; ITU-T T.42)."""
    top = (1 << bits) - 1
    if photometric == ITULAB:
        levels = lab * np.array([top / 100, top / 170, top / 200]) + np.array([0, 128, 96]) * top / 255
        return np.rint(levels).clip(0, top)
    each = 1 if bits == 8 else 256
    white = top if bits == 8 or photometric == CIELAB else 65280
    light, colours = lab[..., :1] * white / 100, np.rint(lab[..., 1:] * each)
    return np.concatenate([np.rint(light), (colours + (128 * each if photometric == ICCLAB else 0)) % (top + 1)], 2)


def unpacked(stored, photometric, bits):
    """What these samples mean, in float64."""
    top, each = (1 << bits) - 1, 1 if bits == 8 else 256
    light, colours = stored[..., :1].astype(float), stored[..., 1:].astype(float)
    if photometric == ITULAB:
        return np.concatenate(
            [light * 100 / top, (colours - np.array([128, 96]) * top / 255) * np.array([170, 200]) / top], 2
        )
    half = 128 * each
    signed = colours - half if photometric == ICCLAB else (colours + half) % (top + 1) - half
    white = top if bits == 8 or photometric == CIELAB else 65280
    return np.concatenate([light * 100 / white, signed / each], 2)


def srgb_of(lab, *, clip=True):
    """CIE 15 and IEC 61966-2-1, by the Bradford-adapted matrix; 0 to 1."""
    high = (lab[..., 0] + 16) / 116
    f = np.stack([high + lab[..., 1] / 500, high, high - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389) * D50
    linear = xyz @ np.linalg.inv(np.array(MATRICES["srgb"])).T
    kept = linear.clip(0, 1) if clip else linear
    return np.where(kept <= 0.0031308, 12.92 * kept, 1.055 * np.abs(kept) ** (1 / 2.4) - 0.055)


def lab_levels(rgb):
    return lab_of(srgb_curve(rgb) @ np.array(MATRICES["srgb"]).T)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [CIELAB, ICCLAB, ITULAB])
def test_cielab_has_the_colours_of_the_formulas(photometric, bits):
    lab = lab_levels(RGB / 255)
    if photometric == ITULAB:  # which has a smaller range of colours
        lab = lab[(abs(lab[..., 1]) < 84) & (lab[..., 2] > -74)][:4000].reshape(50, 80, 3)
    stored = packed(lab, photometric, bits).astype("u1" if bits == 8 else "<u2")
    file = tiff(stored, photometric)
    image = decode(file, read_header(file))
    assert image.dtype == (np.uint8 if bits == 8 else np.uint16)
    found = image[:, :, ::-1] / np.iinfo(image.dtype).max
    meant = unpacked(stored, photometric, bits)
    assert np.abs(found - srgb_of(meant)).max() <= (0.8 / 255 if bits == 8 else 0.5 / 255)
    if bits == 16:
        assert ciede2000(lab, lab_levels(found)).max() < 0.05
    unclipped = srgb_of(meant, clip=False)
    inside = (unclipped.min(-1) > 0) & (unclipped.max(-1) < 1)
    assert ciede2000(meant, lab_levels(found))[inside].max() < 1


def lab_of_pillow(image):
    """Gray, red and so on as 8 bits of CIELAB, from LittleCMS."""
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB", flags=0x100
    )
    return ImageCms.applyTransform(image, transform)


@pytest.mark.parametrize("photometric", [CIELAB, ICCLAB])
def test_cielab_is_shown_as_littlecms_shows_it(photometric):
    """Without LittleCMS' shortcuts (cmsFLAGS_NOOPTIMIZE), which are off by up to 30 levels in dark colours."""
    lab = lab_of_pillow(Image.fromarray(RGB))
    to_rgb = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB", renderingIntent=1, flags=0x100
    )
    expected = np.asarray(ImageCms.applyTransform(lab, to_rgb))
    bands = [np.asarray(band) for band in lab.split()]
    if photometric == CIELAB:
        bands = [bands[0], *(band ^ 128 for band in bands[1:])]
    file = saved(lab, "TIFF") if photometric == CIELAB else tiff(np.dstack(bands), photometric)
    image = decode(file, read_header(file))
    assert np.abs(image[:, :, ::-1].astype(int) - expected).max() <= 1
    assert np.array_equal(image, decode(tiff(np.dstack(bands), photometric), read_header(file)))


def test_the_white_that_a_file_names_counts():
    """Under D65, by the formulas of CIE 15: sRGB red, green and gray."""
    lab = {(255, 0, 0): (53.24, 80.09, 67.20), (0, 128, 0): (46.23, -51.70, 49.90), (119, 119, 119): (50.03, 0, 0)}
    lab |= {(255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0)}
    stored = packed(np.array([list(lab.values())] * 8), CIELAB, 16).astype("<u2")
    file = tiff(stored, CIELAB, _318=(3127, 10_000, 3290, 10_000))
    found = decode(file, read_header(file))[:, :, ::-1] / 257
    assert np.abs(found - np.array(list(lab))).max() <= 0.5


def test_cielab_keeps_its_alpha():
    lab = packed(lab_levels(RGB / 255), CIELAB, 8).astype(np.uint8)
    alpha = RGB[:, :, :1]
    file = tiff(np.concatenate([lab, alpha], 2), CIELAB, _338=(3, 1, 2))
    image = decode(file, read_header(file))
    assert np.array_equal(image[:, :, 3], alpha[:, :, 0])
    plain = tiff(lab, CIELAB)
    assert np.array_equal(image[:, :, :3], decode(plain, read_header(plain)))


def test_other_cielab_is_refused_by_name():
    lab = packed(lab_levels(RGB / 255), CIELAB, 8).astype(np.uint8)
    with pytest.raises(ImageError, match="CIELAB colours in 4 samples of 8 bits, multiplied by alpha"):
        read_header(tiff(np.concatenate([lab, lab[:, :, :1]], 2), CIELAB, _338=(3, 1, 1)))
