"""TGA files."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header, sniff
from tests.unit import samples
from tests.unit.golden_files import PALETTE, with_header
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, WIDTH, pil

PALETTED, COLOUR, GRAYS, RUNS = 1, 2, 3, 8
FROM_RIGHT, FROM_TOP = 0x10, 0x20


def tga(stored, kind, depth, descriptor=FROM_TOP, palette=b"", entry=0, first=0, name=b"a name"):
    """stored: (height, width, bytes of a pixel) in the order of the file."""
    height, width, _ = stored.shape
    each = (entry + 7) // 8
    colours = len(palette) // each if each else 0
    head = struct.pack(
        "<BBBHHBHHHHBB", len(name), bool(palette), kind, first, colours, entry, 0, 0, width, height, depth, descriptor
    )
    return head + name + palette + (packed(stored) if kind & RUNS else stored.tobytes())


def packed(stored):
    """In run lengths that go on beyond the ends of rows: three pixels as they are, then runs."""
    pixels = [pixel.tobytes() for pixel in stored.reshape(-1, stored.shape[2])]
    data, at = bytes((2,)) + b"".join(pixels[:3]), 3
    while at < len(pixels):
        count = 1
        while count < 128 and pixels[at : at + count + 1] == [pixels[at]] * (count + 1):
            count += 1
        data += bytes((127 + count,)) + pixels[at]
        at += count
    return data


def fives(image, alpha=0):
    """15 bits of colour and one of alpha in two bytes."""
    blue, green, red = (image[:, :, channel].astype("<u2") >> 3 for channel in range(3))
    return (blue | green << 5 | red << 10 | alpha).astype("<u2").view(np.uint8).reshape(*image.shape[:2], 2)


SPREAD = ((BGR.astype(int) >> 3) * 255 / 31 + 0.5).astype(np.uint8)
HALF = np.where(GRAY > 128, 255, 0).astype(np.uint8)
PLAIN = {
    "24 bits": (BGR, COLOUR, 24, 0, BGR),
    "32 bits": (BGRA, COLOUR, 32, 8, BGRA),
    "32 bits without alpha": (BGRA, COLOUR, 32, 0, BGR),
    "32 bits whose alpha is all 0": (np.dstack([BGR, 0 * GRAY]), COLOUR, 32, 8, BGR),
    "15 bits": (fives(BGR), COLOUR, 15, 0, SPREAD),
    "16 bits without alpha": (fives(BGR), COLOUR, 16, 0, SPREAD),
    "16 bits with alpha": (
        fives(BGR, np.where(HALF, 0x8000, 0).astype("<u2")),
        COLOUR,
        16,
        1,
        np.dstack([SPREAD, HALF]),
    ),
    "gray": (GRAY[:, :, None], GRAYS, 8, 0, GRAY),
    "gray and alpha": (GRAY_ALPHA, GRAYS, 16, 8, GRAY_ALPHA),
}


@pytest.mark.parametrize("origin", [0, FROM_TOP, FROM_RIGHT, FROM_RIGHT | FROM_TOP])
@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_pixels_are_those_that_were_stored(name, runs, origin):
    stored, kind, depth, alpha, expected = PLAIN[name]
    turned = stored[:: 1 if origin & FROM_TOP else -1, :: -1 if origin & FROM_RIGHT else 1]
    file = tga(turned, kind | (RUNS if runs else 0), depth, origin | alpha)
    said = read_header(file)
    assert (said.format, said.width, said.height) == ("tga", WIDTH, HEIGHT)
    assert np.array_equal(decode(file, said), expected)


@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize("image", [BGR, BGRA, GRAY, GRAY_ALPHA], ids=["colour", "alpha", "gray", "gray and alpha"])
def test_pixels_are_pillows(image, compression):
    file = samples.saved(pil(image), "TGA", compression=compression)
    assert np.array_equal(decode(*with_header(file)), image)
    assert np.array_equal(samples.pixels(samples.opened(file)), image)


def test_a_palette_is_pillows():
    file = samples.saved(PALETTE, "TGA")
    assert np.array_equal(decode(*with_header(file)), samples.pixels(PALETTE))


@pytest.mark.parametrize("entry", [15, 16, 24, 32])
def test_a_palette_may_start_anywhere_and_have_any_depth(entry):
    colours = BGR.reshape(-1, 3)[:200]
    stored = {24: colours, 32: np.dstack([colours[None], np.full((1, 200), 7, np.uint8)])[0]}
    table = stored.get(entry, fives(colours[None])[0])
    indices = (np.arange(WIDTH * HEIGHT) % 210 + 40).astype(np.uint8).reshape(HEIGHT, WIDTH, 1)
    file = tga(indices, PALETTED, 8, palette=table.tobytes(), entry=entry, first=50)
    expected = np.zeros((256, 3), np.uint8)
    expected[50:250] = colours if entry > 16 else (colours.astype(int) // 8 * 255 / 31 + 0.5)
    assert np.array_equal(decode(*with_header(file)), expected[indices[:, :, 0]])


def test_a_file_cut_short_is_damaged():
    for file in (tga(BGR, COLOUR, 24)[:-1], samples.saved(pil(BGR), "TGA", compression="tga_rle")[:-200]):
        with pytest.raises(ImageError, match=r"^The TGA file is damaged or cut short\.$"):
            decode(*with_header(file))


def test_a_few_bytes_cannot_claim_a_large_picture():
    file = bytearray(tga(BGR, COLOUR | RUNS, 24))
    file[12:16] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(ImageError, match=r"^The TGA file is damaged or cut short\.$"):
        read_header(bytes(file))


@pytest.mark.parametrize(
    "head",
    [
        bytes(64),
        b"\0\0\2\0" + bytes(60),  # no depth
        b"\0\0\2\0\1\0\x10\x10" + bytes(60),  # colours of a palette that is not there
        b"\0\0\1\xba" + b"!\0\1\0\1" + bytes(60),  # the start of an MPEG
        b"\0\1\0\0\0\x0c" + bytes(60),  # the start of a TrueType font
        b"\0\0\2" + bytes(9) + b"\4\0\4\0\x18\xc0" + bytes(60),  # interleaved
        b"Dear diary, today was fine, and so on and on.",
    ],
)
def test_other_files_are_not_taken_for_a_tga(head):
    with pytest.raises(ImageError, match=r"^The file is not an image of a known format\.$|cursor"):
        sniff(head)


def test_a_spoiled_file_is_an_image_or_a_sentence():
    dice = np.random.default_rng(2)
    for whole in (tga(BGRA, COLOUR, 32, 8), samples.saved(PALETTE, "TGA", compression="tga_rle")):
        for _ in range(300):
            file = bytearray(whole)
            for place in dice.integers(0, 40, dice.integers(1, 5)):
                file[place] = dice.integers(0, 256)
            try:
                said = read_header(bytes(file))
                assert said.pixels < 1 << 24, "pixels that the file cannot hold"
                decode(bytes(file), said)
            except ImageError as error:
                assert "decoder failed" not in str(error)  # noqa: PT017 - a file may be fine all the same
