"""TIFF of the kinds that libvips misunderstands or refuses, put together by hand."""

import struct
import zlib

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import decode, read_header, tiff_exif
from filterfleet.worker.formats.tiff import page_of
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, UPRIGHT, WIDTH, difference, opened, pil, saved, vips

RGB = BGR[:, :, ::-1]
TILE_WIDTH, TILE_HEIGHT = 16, 16


def read(file):
    return decode(file, read_header(file))


def tiff(data, bits, count, photometric, *, compression=1, **tags):
    """One strip of rows, with `count` samples of `bits` bits in a pixel."""
    wanted = {"_256": (3, 1, WIDTH), "_257": (3, 1, HEIGHT), "_259": (3, 1, compression), "_262": (3, 1, photometric)}
    wanted |= {"_277": (3, 1, count), "_278": (3, 1, HEIGHT), "_279": (4, 1, len(data)), "_284": (3, 1, 1)} | tags
    numbers = {int(name[1:]): value for name, value in wanted.items()}
    start = samples.tiff_data(len(numbers.keys() | {258, 273}))
    few = {1: (3, 1, bits), 2: (3, 2, bits | bits << 16)}
    numbers |= {273: (4, 1, start), 258: few.get(count, (3, count, start + len(data)))}
    return samples.tiff(numbers, data + struct.pack(f"<{count}H", *[bits] * count))


# --- YCbCr ----


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_ycbcr_becomes_colour(compression):
    """The golden value is Pillow's, which converts by the formula of JPEG."""
    stored = pil(BGR).convert("YCbCr")
    file = saved(stored, "TIFF", compression=compression)
    assert difference(read(file), samples.pixels(stored.convert("RGB"))) <= 1 / 255


def test_the_red_of_the_report_is_red():
    file = saved(samples.Image.new("RGB", (16, 16), (200, 30, 30)).convert("YCbCr"), "TIFF")
    assert np.abs(read(file)[3, 3].astype(int) - (30, 30, 200)).max() <= 1


@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (1, 2), (4, 1), (4, 2), (4, 4)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_subsampled_ycbcr_becomes_colour(across, down, orientation):
    """Colours change only from block to block, so that every way to enlarge them gives the same."""
    blocks = samples.Image.fromarray(np.repeat(np.repeat(RGB[::4, ::4], 4, 0), 4, 1)[:HEIGHT, :WIDTH])
    stored = np.asarray(blocks.convert("YCbCr"))
    high = -(-HEIGHT // down) * down
    padded = np.pad(stored, ((0, high - HEIGHT), (0, 0), (0, 0)), "edge")
    luma = padded[:, :, 0].reshape(high // down, down, WIDTH // across, across).swapaxes(1, 2)
    units = [luma.reshape(high // down, WIDTH // across, -1), padded[::down, ::across, 1:]]
    data = np.concatenate(units, 2).tobytes()
    file = tiff(data, 8, 3, 6, _530=(3, 2, across | down << 16), _274=(3, 1, orientation))
    expected = samples.pixels(samples.Image.fromarray(stored, "YCbCr").convert("RGB"))
    assert read_header(file).bands == 3
    assert difference(read(file), UPRIGHT[orientation](expected)) <= 2 / 255


def test_ycbcr_of_video_is_spread_to_its_full_range():
    """ReferenceBlackWhite as in ITU-R BT.601: white is 235."""
    stored = np.dstack([np.full((HEIGHT, WIDTH), 235, np.uint8), np.full((HEIGHT, WIDTH, 2), 128, np.uint8)]).tobytes()
    start = samples.tiff_data(12) + len(stored)
    ranges = struct.pack("<12I", *(number for limit in (15, 235, 128, 240, 128, 240) for number in (limit, 1)))
    file = tiff(stored + ranges, 8, 3, 6, _530=(3, 2, 1 | 1 << 16), _532=(5, 6, start))
    assert read(file).min() == 255


# --- samples that are not described ----


@pytest.mark.parametrize("image", [BGRA, GRAY_ALPHA], ids=["colour", "gray"])
def test_an_extra_sample_that_is_not_described_is_no_alpha(image):
    count = image.shape[2]
    rows = image[:, :, [2, 1, 0, 3]] if count == 4 else image
    file = tiff(rows.tobytes(), 8, count, 2 if count == 4 else 1, _338=(3, 1, 0))
    header = read_header(file)
    expected = BGR if count == 4 else GRAY
    assert (header.bands, header.alpha, header.bounded) == (count - 1, False, True)
    assert np.array_equal(read(file), expected)
    assert np.array_equal(samples.pixels(opened(file)), expected)


def test_an_extra_sample_of_cmyk_is_no_alpha():
    inks = np.asarray(pil(BGR).convert("CMYK"))
    file = tiff(np.dstack([inks, GRAY]).tobytes(), 8, 5, 5, _338=(3, 1, 0))
    assert np.array_equal(read(file), read(tiff(inks.tobytes(), 8, 4, 5)))


# --- depths ----


def packed(values, bits):
    """Rows of numbers, one bit after the other, each row filled up to a byte."""
    rows = values.reshape(len(values), -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(rows.astype(np.uint8).reshape(len(values), -1), axis=1).tobytes()


IMAGES = {"gray": (GRAY, 1), "colour": (RGB, 2), "gray, white is zero": (255 - GRAY, 0)}


@pytest.mark.parametrize("bits", [3, 6, 10, 12, 14])
@pytest.mark.parametrize("name", IMAGES)
def test_samples_of_any_depth(name, bits):
    image, photometric = IMAGES[name]
    white, top = (1 << bits) - 1, 255 if bits < 8 else 65535
    values = (image.astype(int) * white + 127) // 255
    shown = white - values if photometric == 0 else values
    expected = np.round(shown * top / white).astype(np.uint8 if bits < 8 else np.uint16)
    file = tiff(packed(values, bits), bits, 1 if image.ndim == 2 else 3, photometric)
    found = read(file)
    assert np.array_equal(found, expected if image.ndim == 2 else expected[:, :, ::-1])
    assert read_header(file).bits == 8 * found.itemsize


@pytest.mark.parametrize("bits", [3, 10, 12, 14])
@pytest.mark.parametrize("compression", [1, 32946])
@pytest.mark.parametrize("name", IMAGES)
def test_samples_of_any_depth_in_tiles(name, compression, bits):
    """The golden value is the same picture in a strip."""
    image, photometric = IMAGES[name]
    count = 1 if image.ndim == 2 else 3
    values = (image.astype(int) * ((1 << bits) - 1) + 127) // 255
    across, down = -(-WIDTH // TILE_WIDTH), -(-HEIGHT // TILE_HEIGHT)
    padded = np.zeros((down * TILE_HEIGHT, across * TILE_WIDTH, count), int)
    padded[:HEIGHT, :WIDTH] = values.reshape(HEIGHT, WIDTH, count)
    cut = (
        padded.reshape(down, TILE_HEIGHT, across, TILE_WIDTH * count)
        .swapaxes(1, 2)
        .reshape(-1, TILE_HEIGHT, 16 * count)
    )
    tiles = [packed(tile, bits) if compression == 1 else zlib.compress(packed(tile, bits)) for tile in cut]
    file = tiled(tiles, bits, count, photometric, compression)
    assert np.array_equal(read(file), read(tiff(packed(values, bits), bits, count, photometric)))


def tiled(tiles, bits, count, photometric, compression):
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 259: (3, 1, compression), 262: (3, 1, photometric)}
    tags |= {277: (3, 1, count), 284: (3, 1, 1), 322: (3, 1, TILE_WIDTH), 323: (3, 1, TILE_HEIGHT)}
    start = samples.tiff_data(len(tags) + 3)
    offsets = start + np.cumsum([0, *map(len, tiles)])
    tables = struct.pack(f"<{2 * len(tiles)}I3H", *offsets[:-1], *map(len, tiles), *[bits] * 3)
    behind = int(offsets[-1])
    tags |= {324: (4, len(tiles), behind), 325: (4, len(tiles), behind + 4 * len(tiles))}
    tags[258] = (3, 1, bits) if count == 1 else (3, 3, behind + 8 * len(tiles))
    return samples.tiff(tags, b"".join(tiles) + tables)


def test_colour_and_alpha_of_four_bits():
    values = (BGRA[:, :, [2, 1, 0, 3]].astype(int) * 15 + 127) // 255
    file = tiff(packed(values, 4), 4, 4, 2, _338=(3, 1, 2))
    assert np.array_equal(read(file), (values * 17)[:, :, [2, 1, 0, 3]].astype(np.uint8))


def test_alpha_of_twelve_bits_stays_where_white_is_zero():
    values = GRAY_ALPHA.astype(int) * 16
    stored = np.dstack([4095 - values[:, :, 0], values[:, :, 1]])
    expected = np.round(values * 65535 / 4095).astype(np.uint16)
    assert np.array_equal(read(tiff(packed(stored, 12), 12, 2, 0, _338=(3, 1, 2))), expected)


def test_twelve_bits_are_those_of_pillow():
    values = GRAY.astype(int) * 16
    file = tiff(packed(values, 12), 12, 1, 1, _274=(3, 1, 6))
    assert np.array_equal(np.asarray(opened(file)), np.rot90(values, -1))
    assert np.array_equal(read(file), np.rot90(np.round(values * 65535 / 4095).astype(np.uint16), -1))


def test_half_of_a_twelve_bit_file_is_refused():
    file = tiff(packed(GRAY.astype(int) * 16, 12), 12, 1, 1)
    with pytest.raises(ImageError, match="cut short"):
        read(file[: len(file) // 2])


def test_a_file_on_disk_is_the_same():
    blob = FileBlob()
    file = tiff(packed(GRAY.astype(int) * 16, 12), 12, 1, 1)
    blob.append(file)
    assert np.array_equal(decode(blob, read_header(blob)), read(file))


# --- tiles of separate planes ----


def planes(image):
    """(height, width, samples) in RGB order, each sample in tiles of its own."""
    count, size = image.shape[2], image.itemsize
    across, down = -(-WIDTH // TILE_WIDTH), -(-HEIGHT // TILE_HEIGHT)
    padded = np.zeros((count, down * TILE_HEIGHT, across * TILE_WIDTH), image.dtype)
    padded[:, :HEIGHT, :WIDTH] = image.transpose(2, 0, 1)
    data = padded.reshape(count, down, TILE_HEIGHT, across, TILE_WIDTH).swapaxes(2, 3).tobytes()
    tiles, length = count * down * across, TILE_WIDTH * TILE_HEIGHT * size
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 259: (3, 1, 1), 262: (3, 1, 2), 277: (3, 1, count), 284: (3, 1, 2)}
    tags |= {322: (3, 1, TILE_WIDTH), 323: (3, 1, TILE_HEIGHT)} | ({338: (3, 1, 2)} if count == 4 else {})
    start = samples.tiff_data(len(tags) + 3)
    offsets = struct.pack(f"<{tiles}I", *range(start, start + tiles * length, length))
    behind = start + len(data)
    tags |= {324: (4, tiles, behind), 325: (4, tiles, behind + 4 * tiles), 258: (3, count, behind + 8 * tiles)}
    lengths = struct.pack(f"<{tiles}I", *[length] * tiles)
    return samples.tiff(tags, data + offsets + lengths + struct.pack(f"<{count}H", *[8 * size] * count))


@pytest.mark.parametrize("deep", [False, True])
def test_tiles_of_separate_planes(deep):
    image = samples.deep(BGR) if deep else BGR
    file = planes(image[:, :, ::-1])
    assert np.array_equal(read(file), image)
    if not deep:
        assert np.array_equal(samples.pixels(opened(file)), image)


def test_tiles_of_separate_planes_with_alpha():
    file = planes(BGRA[:, :, [2, 1, 0, 3]])
    assert read_header(file).alpha
    assert np.array_equal(read(file), BGRA)


# --- old-style JPEG ----

OLD_JPEG = saved(pil(BGR), "JPEG", quality=95)


def old_jpeg(inside, front=b"", **tags):
    start = samples.tiff_data(12 + len(tags))
    return tiff(front + inside, 8, 3, 6, compression=6, _513=(4, 1, start), _514=(4, 1, len(inside)), **tags)


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
def test_old_style_jpeg_is_read_if_it_is_a_whole_file(tiled, orientation):
    """libvips returns zeros for tiles of this kind."""
    tags = {"_274": (3, 1, orientation)}
    if tiled:
        tags |= {"_322": (3, 1, 48), "_323": (3, 1, 32), "_324": (4, 1, samples.tiff_data(17)), "_325": (4, 1, 999)}
    file = old_jpeg(OLD_JPEG, **tags)
    header = read_header(file)
    assert (header.format, header.bounded, header.orientation) == ("tiff", False, orientation)
    expected = samples.pixels(opened(OLD_JPEG))
    assert difference(read(file), UPRIGHT[orientation](expected)) <= 1 / 255


# --- pages ----


def pages(*images_and_kinds):
    """A file of pages; the kind of a page is its NewSubfileType."""
    made = b"II*\0"
    file = bytearray(made + struct.pack("<I", 8))
    for number, (image, kind) in enumerate(images_and_kinds):
        height, width = image.shape
        tags = {254: (4, 1, kind), 256: (3, 1, width), 257: (3, 1, height), 258: (3, 1, 8), 259: (3, 1, 1)}
        tags |= {262: (3, 1, 1), 277: (3, 1, 1), 278: (3, 1, height), 279: (4, 1, image.size)}
        start = len(file) + 2 + 12 * (len(tags) + 1) + 4
        tags[273] = (4, 1, start)
        table = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
        after = start + image.size if number + 1 < len(images_and_kinds) else 0
        file += struct.pack("<H", len(tags)) + table + struct.pack("<I", after) + image.tobytes()
    return bytes(file)


def test_a_thumbnail_in_front_is_not_the_picture():
    small = GRAY[::4, ::4].copy()
    assert np.array_equal(read(pages((small, 1), (GRAY, 0))), GRAY)
    assert np.array_equal(read(pages((small, 1), (small, 1), (GRAY, 0))), GRAY)
    assert np.array_equal(read(pages((GRAY, 0), (small, 1))), GRAY)
    assert np.array_equal(read(pages((GRAY, 2), (small, 2))), GRAY), "pages of a document"


def test_thumbnails_alone_are_better_than_nothing():
    assert np.array_equal(read(pages((GRAY, 1))), GRAY)


# --- damaged tiles ----


def spoiled_tile(compression, **options):
    """A tiled file, of which the second tile is zeros; and Make is a text without its end, which is no damage."""
    image = vips(BGR).tiffsave_buffer(tile=True, tile_width=16, tile_height=16, compression=compression, **options)
    told = tiff_exif.with_entries(bytes(image), samples.exif(maker="x" * 9), None)
    file = told.replace(b"x" * 9 + b"\0", b"x" * 10)
    second, length = (page_of(file).directory.values(tag, ())[1] for tag in (324, 325))
    return file, file[:second] + bytes(length) + file[second + length :]


@pytest.mark.parametrize("compression", ["deflate", "lzw", "webp", "jpeg"])
def test_a_spoiled_tile_is_damage(compression):
    """libvips makes it black and says nothing, unless each of its warnings counts."""
    file, spoiled = spoiled_tile(compression, Q=100)
    assert difference(read(file), BGR) < 0.2
    with pytest.raises(ImageError, match="damaged"):
        read(spoiled)
    if compression != "jpeg":  # whose decoder gives up all the same
        image = decode(spoiled, read_header(spoiled), Damaged.ACCEPT)
        assert np.array_equal(image[:, :16], read(file)[:, :16])


# --- more ----


def test_webp_in_tiff():
    assert difference(read(vips(BGR).tiffsave_buffer(compression="webp", lossless=True)), BGR) == 0


@pytest.mark.parametrize("make", [pages, planes], ids=["pages", "planes"])
def test_wrong_bytes_never_do_harm(make):
    whole = planes(RGB) if make is planes else pages((GRAY, 1), (GRAY, 0))
    rng = np.random.default_rng(5)
    table = whole.index(struct.pack("<HHI", 256, 3, 1)) - 14
    for _ in range(400):
        file = bytearray(whole)
        for at in rng.integers(table, table + 190, 2):
            file[at] = rng.choice([0, 1, 2, 3, 8, 16, 255])
        try:
            header = read_header(bytes(file))
            if header.pixels < 1_000_000:
                assert decode(bytes(file), header).size
        except ImageError:
            pass
