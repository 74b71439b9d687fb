"""Files of kinds that libraries show wrongly or refuse: GIF, WebP and AVIF."""

import struct

import numpy as np
import pytest

from filterfleet.worker.formats import avif, decode, read_header
from tests.unit import samples
from tests.unit.samples import GRAY, difference, opened, pil, saved, vips

GREEN = (0, 255, 0)


def read(file):
    return decode(file, read_header(file))


# --- GIF ----


def gif(canvas, *frames, transparent=False):
    """Green frames, given as left, top, width, height. The colours are black, red, green and white."""
    file = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x81, 0, 0) + bytes((0, 0, 0, 255, 0, 0, *GREEN, 255, 255, 255))
    file += b"!\xfe\x05hello\x00"
    if transparent:
        file += b"!\xf9\x04\1\0\0\1\0"
    for left, top, width, height in frames:
        single = samples.Image.new("P", (width, height), 2)
        single.putpalette([0, 0, 0, 255, 0, 0, *GREEN, 255, 255, 255])
        made = saved(single, "GIF", optimize=False)
        at = made.index(b",\0\0\0\0")
        palette = 3 * (2 << (made[at + 9] & 7)) if made[at + 9] & 0x80 else 0
        file += b"," + struct.pack("<HHHHB", left, top, width, height, 0) + made[at + 10 + palette : -1]
    return file + b";"


@pytest.mark.parametrize("transparent", [False, True])
def test_what_a_frame_leaves_free_is_transparent(transparent):
    image = read(gif((12, 10), (2, 3, 4, 5), transparent=transparent))
    expected = np.zeros((10, 12, 4), np.uint8)
    expected[3:8, 2:6] = (*GREEN, 255)
    assert np.array_equal(image, expected)


@pytest.mark.parametrize("frame", [(0, 0, 20, 15), (5, 5, 10, 10)])
def test_a_frame_larger_than_the_canvas_enlarges_it(frame):
    """As in Pillow, which has the same size and green."""
    file = gif((10, 10), frame)
    image = read(file)
    shown = opened(file)
    assert image.shape[1::-1] == shown.size
    left, top, width, height = frame
    assert (image[top : top + height, left : left + width, :3] == GREEN).all()
    assert np.asarray(shown.convert("RGB"))[top, left].tolist() == list(GREEN)


def test_a_later_frame_does_not_change_the_first():
    assert np.array_equal(read(gif((10, 10), (0, 0, 10, 10), (0, 0, 30, 30)))[:, :, :3], np.full((10, 10, 3), GREEN))


# --- WebP ----


def black_webp(width, height):
    """The shortest that there is: five codes of one symbol each, which take no bits in the image."""
    bits = "000" + 5 * "1000"  # least significant first: no transform, no cache, no meta codes; simple codes of 0
    codes = int(bits[::-1], 2).to_bytes(3, "little")
    data = struct.pack("<BI", 0x2F, width - 1 | height - 1 << 14) + codes
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def test_the_shortest_webp_is_read():
    file = black_webp(20, 10)
    assert len(file) == 28
    assert opened(file).convert("RGB").getextrema() == ((0, 0),) * 3
    assert np.array_equal(read(file), np.zeros((10, 20, 3)))


# --- AVIF ----


@pytest.mark.parametrize("image", [np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8), GRAY])
@pytest.mark.parametrize("limited", ["limited", "full"])
def test_gray_avif_of_limited_range_is_spread(image, limited):
    file = saved(pil(image), "AVIF", range=limited, subsampling="4:0:0", quality=100)
    expected = np.asarray(opened(file).convert("L"))
    assert difference(read(file), np.dstack([expected] * 3)) <= 2 / 255
    assert difference(expected, image) <= 2 / 255


def test_gray_avif_of_limited_range_keeps_its_alpha():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    rgba = np.dstack([ramp, ramp, ramp, 255 - ramp])
    image = read(saved(samples.Image.fromarray(rgba), "AVIF", range="limited", subsampling="4:0:0", quality=100))
    assert difference(image, rgba) <= 3 / 255


def test_colour_avif_of_limited_range_stays_as_it_was():
    white = np.full((64, 64, 3), 255, np.uint8)
    assert read(saved(pil(white), "AVIF", range="limited", subsampling="4:2:0")).min() == 255


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_samples_of_limited_range_are_spread(bits):
    """No encoder here writes gray AVIF of more than 8 bits. ITU-R BT.2100: black is 16, white is 235 times 2^(bits-8).
    libvips has the samples in the upper bits of 16.
    """
    black, white = 16 << bits - 8, 235 << bits - 8
    codes = np.tile(np.arange(1 << bits, dtype=np.uint16), (2, 1))
    stored = vips(np.dstack([codes << 16 - bits] * 3))
    expected = np.round(((codes.astype(float) - black) / (white - black)).clip(0, 1) * 65535)
    found = avif.to_full_range(stored, bits).numpy()
    assert np.abs(found.astype(int) - np.dstack([expected] * 3)).max() <= 1
