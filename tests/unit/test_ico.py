"""Icons: the largest picture."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.golden_files import with_header
from tests.unit.samples import BGRA, pil

SQUARE = np.dstack([samples.picture(48, 48), np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))])
MASK = np.where(np.arange(48)[:, None] > np.arange(48), 255, 0).astype(np.uint8)


def ico(*pictures):
    """pictures: (width and height as the directory has them, bits, the bytes) of each."""
    at = 6 + 16 * len(pictures)
    table, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for side, bits, data in pictures:
        table += struct.pack("<BBBBHHII", side, side, 0, 0, 1, bits, len(data), at + len(body))
        body += data
    return table + body


def bmp(image, bits, *, mask=None, palette=b"", height=None):
    """A picture in an icon. image: (height, width) or (height, width, channels) as stored in whole bytes."""
    rows = image[::-1].reshape(image.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    sides = (image.shape[1] * 8 // bits if image.ndim == 2 else image.shape[1], height or 2 * image.shape[0])
    head = struct.pack("<IiiHHIIiiII", 40, *sides, 1, bits, 0, 0, 0, 0, len(palette) // 4, 0)
    masked = b"" if mask is None else np.pad(np.packbits(mask[::-1], axis=1), ((0, 0), (0, 2))).tobytes()
    return head + palette + rows.tobytes() + masked


CLEAR = MASK == 0
BITS = np.packbits(MASK > 0, axis=1)
PICTURES = {
    "32 bits": (bmp(SQUARE, 32, mask=CLEAR), SQUARE),
    "32 bits without a mask": (bmp(SQUARE, 32), SQUARE),
    "32 bits whose alpha is all 0": (
        bmp(np.dstack([SQUARE[:, :, :3], 0 * MASK]), 32, mask=CLEAR),
        np.dstack([SQUARE[:, :, :3], MASK]),
    ),
    "24 bits": (bmp(SQUARE[:, :, :3], 24, mask=CLEAR), np.dstack([SQUARE[:, :, :3], MASK])),
    "a palette": (
        bmp(SQUARE[:, :, 0], 8, mask=CLEAR, palette=bytes(range(256)) * 4),
        np.dstack([(SQUARE[:, :, 0].astype(int) * 4 + shift) % 256 for shift in range(3)] + [MASK]),
    ),
    "black and white": (
        bmp(BITS, 1, mask=CLEAR, palette=b"\0\0\0\0\xff\xff\xff\0"),
        np.dstack([MASK] * 4),
    ),
    "PNG": (samples.saved(pil(SQUARE), "PNG"), SQUARE),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_those_that_were_stored(name):
    data, expected = PICTURES[name]
    file = ico((48, 32 if "32" in name else 0, data))
    said = read_header(file)
    assert (said.format, said.width, said.height, said.bits) == ("ico", 48, 48, 8)
    assert np.array_equal(decode(file, said), expected)


@pytest.mark.parametrize("kind", ["bmp", "png"])
def test_the_largest_of_pillows_sizes_is_read(kind):
    file = samples.saved(pil(SQUARE), "ICO", sizes=[(16, 16), (48, 48), (32, 32)], bitmap_format=kind)
    assert np.array_equal(decode(*with_header(file)), SQUARE)


def test_of_pictures_of_one_size_the_one_of_more_bits_is_read():
    plain, full = bmp(255 - SQUARE[:, :, :3], 24, mask=CLEAR), bmp(SQUARE, 32, mask=CLEAR)
    for file in (ico((48, 24, plain), (48, 32, full)), ico((48, 32, full), (48, 24, plain))):
        assert np.array_equal(decode(*with_header(file)), SQUARE)


def test_a_png_may_be_larger_than_the_directory_can_say():
    wide = np.ascontiguousarray(np.tile(BGRA, (10, 12, 1)))
    assert np.array_equal(decode(*with_header(ico((0, 32, samples.saved(pil(wide), "PNG"))))), wide)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (ico() + bytes(40), "The file is not an image of a known format."),
        (ico((48, 32, bmp(SQUARE, 32)))[:-1], "The ICO file is damaged or cut short."),
        (ico((48, 32, bmp(SQUARE, 32, height=-(1 << 31)))), "The ICO file is damaged or cut short."),
        (ico((48, 32, bmp(SQUARE, 32, height=600))), "The ICO file is damaged or cut short."),
        (ico((48, 32, bytes(100))), "The ICO file has a picture that is neither PNG nor a plain BMP"),
        (ico((48, 32, b"")), "The file is not an image of a known format."),
        (ico((48, 32, samples.saved(pil(SQUARE), "PNG")[:-300])), "The ICO file is damaged or cut short."),
        (ico((48, 32, b"\x89PNG\r\n\x1a\n")), "The ICO file is damaged or cut short."),
    ],
)
def test_what_is_not_read_is_one_sentence(file, sentence):
    with pytest.raises(ImageError) as raised:
        decode(*with_header(file))
    assert str(raised.value).startswith(sentence)


def test_a_spoiled_file_is_an_image_or_a_sentence():
    dice = np.random.default_rng(2)
    for data in (bmp(SQUARE, 32, mask=CLEAR), PICTURES["a palette"][0], PICTURES["PNG"][0]):
        whole = ico((48, 32, data))
        for _ in range(200):
            file = bytearray(whole)
            for place in dice.integers(4, 70, dice.integers(1, 5)):
                file[place] = dice.integers(0, 256)
            try:
                said = read_header(bytes(file))
                assert said.pixels < 1 << 28, "pixels that the file cannot hold"
                decode(bytes(file), said)
            except ImageError as error:
                assert "decoder failed" not in str(error)  # noqa: PT017 - a file may be fine all the same
