"""BMP of every kind: put together by hand, and compared with the picture that went in, with Pillow, or with the formula
of the masks.
"""

import struct

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, HEIGHT, WIDTH, pil, saved

RGB_565, RGB_555 = (0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)
PALETTE = pil(BGR).quantize(16)
ENTRIES = np.asarray(PALETTE)
COLOURS = np.array(PALETTE.getpalette(), np.uint8).reshape(-1, 3)[:, ::-1]


def bmp(pixels, bits, *, size=40, compression=0, masks=(), height=HEIGHT, width=WIDTH, palette=b"", colours=0):
    """Rows are given as they are stored. Masks go into a header of 52 or more bytes, or behind a smaller one."""
    if size == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)[:size]
    given = struct.pack(f"<{len(masks)}I", *masks)
    head = (head + given).ljust(size, b"\0") if size >= 52 else head + given
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + palette + pixels


def stored(samples_of_rows, *, upwards=True):
    """Rows of unsigned numbers as bytes: from the bottom row to the top one, each filled up to four bytes."""
    rows = samples_of_rows[::-1] if upwards else samples_of_rows
    return b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in rows)


def masked(image, masks, dtype="<u2"):
    """BGR(A) packed by masks for red, green, blue (and alpha), rounded to the nearest level."""
    packed = np.zeros(image.shape[:2], np.uint64)
    for mask, channel in zip(masks, (2, 1, 0, 3), strict=False):
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        packed |= ((image[:, :, channel].astype(np.uint64) * top + 127) // 255) << np.uint64(shift)
    return packed.astype(dtype)


def levels(image, bits_of_channels):
    """What the formula of the masks makes of samples that were rounded to these depths, in the order of the image."""
    channels = []
    for channel, bits in enumerate(bits_of_channels):
        top = (1 << bits) - 1
        value = (image[:, :, channel].astype(int) * top + 127) // 255
        channels.append(np.round(value * 255 / top).astype(np.uint8))
    return np.dstack(channels)


def read(file):
    return decode(file, read_header(file))


def quads(colours):
    return b"".join(bytes(colour) + b"\0" for colour in colours)


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(("masks", "depths"), [(RGB_565, (5, 6, 5)), (RGB_555, (5, 5, 5))])
def test_16_bits_are_spread_until_white_is_white(masks, depths, size):
    given = (*masks, 0) if size >= 56 else masks
    image = read(bmp(stored(masked(BGR, masks)), 16, size=size, compression=3, masks=given))
    assert np.array_equal(image, levels(BGR, depths))
    white = read(bmp(stored(masked(np.full_like(BGR, 255), masks)), 16, size=size, compression=3, masks=given))
    assert white.min() == 255


def test_16_bits_without_masks_are_555():
    assert np.array_equal(read(bmp(stored(masked(BGR, RGB_555)), 16)), levels(BGR, (5, 5, 5)))


BYTES = {
    "BGRX": (0xFF0000, 0xFF00, 0xFF),
    "RGBX": (0xFF, 0xFF00, 0xFF0000),
    "XBGR": (0xFF000000, 0xFF0000, 0xFF00),
    "XRGB": (0xFF00, 0xFF0000, 0xFF000000),
}


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("order", BYTES)
def test_32_bits_in_any_order_have_no_alpha_without_a_mask_for_it(order, size):
    masks = BYTES[order]
    given = (*masks, 0) if size >= 56 else masks
    file = bmp(stored(masked(BGR, masks, "<u4")), 32, size=size, compression=3, masks=given)
    assert not read_header(file).alpha
    assert np.array_equal(read(file), BGR)


@pytest.mark.parametrize("size", [56, 108, 124])
@pytest.mark.parametrize("order", BYTES)
def test_32_bits_have_alpha_with_a_mask_for_it(order, size):
    masks = (*BYTES[order], 0xFFFFFFFF & ~sum(BYTES[order]))
    file = bmp(stored(masked(BGRA, masks, "<u4")), 32, size=size, compression=3, masks=masks)
    assert read_header(file).alpha
    assert np.array_equal(read(file), BGRA)


def test_a_fourth_mask_behind_a_short_header_is_alpha():
    masks = (0xF00, 0xF0, 0xF, 0xF000)
    file = bmp(stored(masked(BGRA, masks)), 16, compression=6, masks=masks)
    assert np.array_equal(read(file), levels(BGRA, (4, 4, 4, 4)))


def test_masks_of_ten_bits_are_rounded_to_eight():
    masks = (0x3FF00000, 0xFFC00, 0x3FF)
    assert np.array_equal(read(bmp(stored(masked(BGR, masks, "<u4")), 32, compression=3, masks=masks)), BGR)


def test_32_bits_without_masks_have_no_alpha():
    for unused in (0, 77):
        rows = np.dstack([BGR, np.full_like(GRAY, unused)])
        assert np.array_equal(read(bmp(stored(rows), 32)), BGR)


@pytest.mark.parametrize("size", [12, 16, 40, 64, 108, 124])
@pytest.mark.parametrize("bits", [4, 8])
def test_palettes_of_windows_and_of_os2(bits, size):
    palette = b"".join(bytes(colour) for colour in COLOURS) if size == 12 else quads(COLOURS)
    if bits == 8:
        palette = palette.ljust(256 * (3 if size == 12 else 4), b"\0")
    rows = ENTRIES if bits == 8 else (ENTRIES[:, ::2] << 4 | ENTRIES[:, 1::2]).astype(np.uint8)
    file = bmp(stored(rows), bits, size=size, palette=palette)
    assert np.array_equal(read(file), COLOURS[ENTRIES])
    if size not in (16, 64):  # Pillow reads these as well
        assert np.array_equal(read(file), samples.pixels(samples.opened(file)))


@pytest.mark.parametrize("size", [12, 40])
def test_one_bit_with_any_two_colours(size):
    entries = (GRAY > 128).astype(np.uint8)
    colours = np.array([[10, 200, 30], [250, 3, 90]], np.uint8)
    palette = colours.tobytes() if size == 12 else quads(colours)
    file = bmp(stored(np.packbits(entries, axis=1)), 1, size=size, palette=palette)
    assert np.array_equal(read(file), colours[entries])


def test_an_entry_that_the_palette_lacks_is_black():
    file = bmp(stored(ENTRIES), 8, palette=quads(COLOURS[:5]), colours=5)
    assert np.array_equal(read(file), np.where(ENTRIES[:, :, None] < 5, COLOURS[ENTRIES], 0))


@pytest.mark.parametrize("bits", [24, 32])
def test_rows_from_top_to_bottom(bits):
    rows = BGR if bits == 24 else np.dstack([BGR, GRAY])
    assert np.array_equal(read(bmp(stored(rows, upwards=False), bits, height=-HEIGHT)), BGR)


def test_24_bits_under_a_header_of_os2():
    assert np.array_equal(read(bmp(stored(BGR), 24, size=12)), BGR)


# --- run lengths ----

GRAYS = quads([[value] * 3 for value in range(256)])


def runs(body, width, height, bits=8):
    return read(
        bmp(body, bits, compression=1 if bits == 8 else 2, width=width, height=height, palette=GRAYS[: 4 << bits])
    )


def test_runs_and_written_out_pixels():
    rows = b"".join(bytes([0, 20, *row[:20], 0, 19, *row[20:39], 0, 1, row[39], 0, 0]) for row in GRAY[::-1].tolist())
    assert np.array_equal(runs(rows + b"\0\1", WIDTH, HEIGHT), GRAY)


def test_rows_that_are_filled_up_past_the_width():
    body = b"".join(bytes([6, value, 2, 0, 0, 0]) for value in (10, 20, 30)) + b"\0\1"
    assert runs(body, 6, 3).tolist() == [[30] * 6, [20] * 6, [10] * 6]
    assert runs(b"\x09\x0a\0\0\0\x08" + bytes(range(8)) + b"\0\1", 6, 2).tolist() == [[0, 1, 2, 3, 4, 5], [10] * 6]


def test_four_bits_alternate():
    assert runs(b"\x05\x12\0\0\0\x03\x34\x50\0\0\0\1", 5, 2, 4).tolist() == [[3, 4, 5, 0, 0], [1, 2, 1, 2, 1]]


def test_pixels_that_are_skipped_get_the_first_colour():
    body = b"\x02\x07\0\2\1\1\x02\x09\0\1"
    assert runs(body, 6, 3).tolist() == [[0] * 6, [0, 0, 0, 9, 9, 0], [7, 7, 0, 0, 0, 0]]


def test_codes_that_do_nothing_end_somewhere():
    with pytest.raises(ImageError, match="damaged"):
        runs(b"\0\2\0\0" * 5_000_000, 40, 30)


def test_runs_are_those_of_pillow():
    body = b"\x04\x05\0\4\1\2\3\4\0\0\x08\x09\0\0\0\1"
    file = bmp(body, 8, compression=1, width=8, height=2, palette=GRAYS)
    assert np.array_equal(read(file), samples.pixels(samples.opened(file).convert("L")))


# --- what is refused ----

REFUSED = {
    "jpeg inside": (bmp(b"", 24, compression=4), "The BMP file has a JPEG file inside, which cannot be read."),
    "png inside": (bmp(b"", 24, compression=5), "The BMP file has a PNG file inside, which cannot be read."),
    "huffman": (bmp(b"", 1, size=64, compression=3), "The BMP file has Huffman compression, which cannot be read."),
    "rle24": (bmp(b"", 24, size=64, compression=4), "The BMP file has 24-bit run lengths, which cannot be read."),
    "64 bits": (bmp(bytes(9999), 64), "The BMP file has 64 bits per pixel, which cannot be read."),
    "gaps": (
        bmp(bytes(9999), 16, compression=3, masks=(0xF0F0, 1, 2)),
        "The BMP file has bit masks with gaps, which cannot be read.",
    ),
    "short": (bmp(stored(BGR)[:-200], 24), "The BMP file is damaged or cut short."),
    "short runs": (bmp(b"\x05\1\0\0", 8, compression=1, palette=GRAYS), "The BMP file is damaged or cut short."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(name):
    file, sentence = REFUSED[name]
    with pytest.raises(ImageError) as raised:
        read(file)
    assert str(raised.value) == sentence


def test_random_headers_and_pixels_never_do_harm():
    """An image or a sentence, whatever the bytes say."""
    rng = np.random.default_rng(3)
    whole = bmp(stored(masked(BGRA, (0xF00, 0xF0, 0xF, 0xF000))), 16, size=124, compression=3, masks=(0xF00, 0xF0, 0xF))
    read_at_all = 0
    for _ in range(1500):
        file = bytearray(whole)
        for at in rng.integers(10, 80, 2):
            file[at] = rng.choice([0, 1, 2, 3, 4, 8, 16, 24, 32, 40, 255])
        file = bytes(file)
        try:
            header = read_header(file)
            if header.pixels < 1_000_000:
                image = decode(file, header)
                assert image.shape[:2] == (header.height, header.width)
                read_at_all += 1
        except ImageError:
            pass
    assert read_at_all > 20


def test_a_file_on_disk_is_the_same():
    blob = FileBlob()
    blob.append(saved(PALETTE, "BMP"))
    assert np.array_equal(decode(blob, read_header(blob)), samples.pixels(PALETTE))
