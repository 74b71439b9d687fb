"""JPEG files that are no damage: odd sampling, stray bytes, and ends without a marker."""

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.samples import difference, opened, pil, saved

PICTURE = samples.picture(96, 144)
PLAIN = saved(pil(PICTURE), "JPEG", quality=90, subsampling=0)
PROGRESSIVE = saved(pil(PICTURE), "JPEG", quality=90, progressive=True)
TABLE = PLAIN.index(b"\xff\xdb")
TAIL = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1700000000000SEFHi\0\0\0SEFT" * 200


def read(file, damaged=Damaged.REFUSE):
    return decode(file, read_header(file), damaged)


@pytest.mark.parametrize("damaged", Damaged)
@pytest.mark.parametrize(
    "factors",
    [(0x31, 0x11, 0x11), (0x24, 0x11, 0x11), (0x22, 0x12, 0x21), (0x22, 0x21, 0x11), (0x14, 0x11, 0x11)],
    ids=["3x1", "2x4", "own factors", "one full", "1x4"],
)
def test_any_sampling_is_read(factors, damaged):
    """The factors are changed afterwards. The picture is then another one, which needs fewer blocks; its golden pixels
    are those of the libjpeg-turbo in Pillow.
    """
    file = bytearray(PLAIN)
    at = file.index(b"\xff\xc0") + 10
    for component, factor in enumerate(factors):
        file[at + 3 * component + 1] = factor
    shown = samples.pixels(opened(bytes(file)))
    assert shown.std() > 5
    assert difference(read(bytes(file), damaged), shown) <= 1 / 255


@pytest.mark.parametrize("damaged", Damaged)
@pytest.mark.parametrize(
    "file",
    [
        PLAIN[:TABLE] + b"\0\0\0ab" + PLAIN[TABLE:],
        PLAIN[:-2],
        PLAIN[:-2] + TAIL,
        PLAIN[:-2] + bytes(5000),
        PLAIN[:-2] + b"text \xff\xffwith markers" * 9,
        PLAIN[:-2] + b"stray bytes" + PLAIN[-2:],
        PLAIN[:TABLE] + b"ab" + PLAIN[TABLE:-2] + TAIL,
    ],
    ids=[
        "stray bytes",
        "no end",
        "no end and a tail",
        "no end and zeros",
        "no end and text",
        "strays in front of the end",
        "both",
    ],
)
def test_harmless_faults_change_no_pixel(file, damaged):
    assert np.array_equal(read(file, damaged), read(PLAIN))


def test_a_progressive_file_without_end_is_read():
    assert np.array_equal(read(PROGRESSIVE[:-2]), read(PROGRESSIVE))


HALF = PLAIN[: len(PLAIN) // 2]
MISSING = {
    "half": HALF,
    "half and its end": HALF + b"\xff\xd9",
    "half, filled up with zeros": HALF + bytes(len(PLAIN)),
    "half, filled up with ones": HALF + b"\xff" * len(PLAIN),
    "a block short": PLAIN[:-12],
    "a block short, filled up with zeros": PLAIN[:-30] + bytes(5000),
    "half and a film": HALF + np.random.default_rng(1).bytes(50_000),
    "progressive, half": PROGRESSIVE[: len(PROGRESSIVE) // 2],
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_rows_are_still_damage(name):
    with pytest.raises(ImageError, match="damaged or cut short"):
        read(MISSING[name])
    assert read(MISSING[name], Damaged.ACCEPT).shape == PICTURE.shape
