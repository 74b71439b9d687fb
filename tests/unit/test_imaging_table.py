"""The table in docs/imaging.md, cell by cell. Each phrase in it stands for checks of the output."""

from pathlib import Path

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import Metadata, Output, Recipe, Step
from filterfleet.worker.formats import read_header
from filterfleet.worker.pipeline import process
from tests.unit import samples
from tests.unit.samples import (
    ALPHA,
    BGR,
    BGRA,
    GRAY,
    GRAY_ALPHA,
    XMP,
    deep,
    exif,
    opened,
    pil,
    profile,
    saved,
    with_curve,
)
from tests.unit.test_metadata import SECONDS, with_thumbnail

PAGE = (Path(__file__).parents[2] / "docs" / "imaging.md").read_text()


def table():
    """Cells by row and format."""
    lines = PAGE.split("## What comes out")[1].split("\n\n")[1].strip().splitlines()
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {(row, name): cell for row, *cells in body for name, cell in zip(head[1:], cells, strict=True)}


def deep_png(image):
    return samples.cv2.imencode(".png", image)[1].tobytes()


def jpeg_with_exif(data):
    return samples.jpeg_with(saved(pil(BGR), "JPEG", quality=95), 0xE1, b"Exif\0\0" + data)


SOURCES = {
    "with a colour profile": saved(pil(BGR), "PNG", icc_profile=profile()),
    "with a gray profile": saved(pil(GRAY), "PNG", icc_profile=profile("GRAY")),
    "with a colour profile, made gray": saved(pil(BGR), "PNG", icc_profile=profile()),
    "with a linear profile, made gray": saved(pil(BGR), "PNG", icc_profile=with_curve(1.0)),
    "CMYK with a profile": saved(pil(BGR).convert("CMYK"), "JPEG", icc_profile=profile("CMYK")),
    "rotated": saved(pil(BGR), "PNG", exif=b"Exif\0\0" + exif(6)),
    "GPS-tagged": jpeg_with_exif(exif(gps=True)),
    "with a thumbnail": jpeg_with_exif(with_thumbnail()),
    "with XMP": saved(pil(BGR), "JPEG", xmp=XMP),
    "16-bit": deep_png(deep(BGR)),
    "16-bit gray": deep_png(deep(GRAY)),
    "transparent": saved(pil(BGRA), "PNG"),
    "gray": saved(pil(GRAY), "JPEG"),
    "gray and transparent": saved(pil(GRAY_ALPHA), "PNG"),
    "palette": saved(pil(BGR).quantize(200), "PNG"),
}


def upright(file):
    height, width = samples.pixels(opened(file)).shape[:2]
    assert (height, width) == BGR.shape[1::-1]
    assert opened(file).getexif().get(0x0112, 1) == 1
    assert np.abs(shown(file)[:, :, :3].astype(int) - np.rot90(BGR, -1)).max() < 40


def shown(file):
    """BGR or BGRA in 8 bits."""
    image = opened(file)
    return samples.pixels(image.convert("RGBA" if "A" in image.mode else "RGB"))


def bits(count):
    def check(file):
        assert read_header(file).bits == min(16, count + count % 8)
        if count == 12:
            assert samples.pyvips.Image.new_from_buffer(file, "").get("bits-per-sample") == 12

    return check


def over_white(file):
    assert "A" not in opened(file).mode
    clear = ALPHA == 0
    assert shown(file)[clear].min() > 230


def alpha_kept(file):
    assert np.abs(shown(file)[:, :, 3].astype(int) - ALPHA).max() <= 2


def camera(file):
    assert opened(file).getexif()[0x010F] == "Camera & Co"


def position(*, there):
    def check(file):
        assert (0x8825 in opened(file).getexif()) == there
        assert (SECONDS in file or SECONDS[3::-1] + SECONDS[:3:-1] in file) == there

    return check


def gray_profile(file):
    assert opened(file).info["icc_profile"][16:20] == b"GRAY"


def missing(name):
    def check(file):
        assert name not in opened(file).info

    return check


def kept(name, *values):
    def check(file):
        assert opened(file).info[name] in values

    return check


def no_thumbnail(file):
    assert b"THUMBNAIL" not in file
    assert 0x0201 not in opened(file).getexif().get_ifd(1)


def srgb(file):
    assert opened(file).mode == "RGB"


def mode_of(*modes):
    def check(file):
        assert opened(file).mode in modes

    return check


PHRASES = {
    "profile kept": [kept("icc_profile", profile(), profile("GRAY"), with_curve(1.0))],
    "gray profile": [gray_profile],
    "no profile": [missing("icc_profile")],
    "sRGB, no profile": [srgb, missing("icc_profile")],
    "upright": [upright],
    "camera, no position": [camera, position(there=False)],
    "camera and position": [camera, position(there=True)],
    "no EXIF": [missing("exif"), position(there=False)],
    "no thumbnail": [no_thumbnail],
    "no XMP": [missing("xmp")],
    "XMP kept": [kept("xmp", XMP.replace(b'Orientation="6"', b'Orientation="1"'))],
    "8 bits": [bits(8)],
    "12 bits": [bits(12)],
    "16 bits": [bits(16)],
    "over white": [over_white],
    "alpha kept": [alpha_kept],
    "gray": [mode_of("L")],
    "colour": [mode_of("RGB")],
    "gray, over white": [mode_of("L"), over_white],
    "gray, alpha kept": [mode_of("LA"), alpha_kept],
    "colour, alpha kept": [mode_of("RGBA"), alpha_kept],
}


@pytest.mark.parametrize(("row", "image_format"), list(table()))
def test_the_page_says_what_happens(row, image_format):
    sample, _, policy = row.partition(", metadata = ")
    steps = (Step("grayscale"),) if row.endswith("made gray") else ()
    output = Output("out", steps, image_format, 95)
    done = process(SOURCES[sample], Recipe((output,), Metadata(policy or Metadata.STRIP_GPS)))
    for check in PHRASES[table()[row, image_format]]:
        check(bytes(done.blobs[0]))


def test_every_sample_has_a_row():
    assert {row.partition(", metadata = ")[0] for row, _ in table()} == set(SOURCES)
