"""Pyramids of tiles, read back with zipfile and Pillow, and options of outputs that go through in strips."""

import io
import math
import zipfile

import numpy as np
import pytest
from PIL import Image

from filterfleet.common.blob import whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.output_options import Options
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker import formats
from filterfleet.worker.formats import Target, encode
from filterfleet.worker.formats.deepzoom import DeepZoom
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.strips.plan import bands
from filterfleet.worker.strips.writers import Ordered, check_output, open_writer

RNG = np.random.default_rng(3)
TILE, OVERLAP = DeepZoom.tile, DeepZoom.overlap
LOSSLESS = Target("szi", options=Options(lossless=True))


def smooth(height: int, width: int, channels: int) -> np.ndarray:
    noise = RNG.integers(0, 256, (height // 8 + 2, width // 8 + 2, channels), np.uint8)
    bands = [np.asarray(Image.fromarray(noise[:, :, n]).resize((width, height), 3)) for n in range(channels)]
    return np.dstack(bands) if channels > 1 else bands[0]


def tiles_of(file: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(file))
    assert archive.testzip() is None
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    return archive


def level_of(archive: zipfile.ZipFile, level: int, width: int, height: int, extension: str) -> np.ndarray:
    """The image that a viewer puts together."""
    canvas = None
    for row in range(-(-height // TILE)):
        for column in range(-(-width // TILE)):
            data = archive.read(f"image/image_files/{level}/{column}_{row}.{extension}")
            tile = np.asarray(Image.open(io.BytesIO(data)))
            left, top = column * TILE - OVERLAP * (column > 0), row * TILE - OVERLAP * (row > 0)
            if canvas is None:
                canvas = np.zeros((height, width, *tile.shape[2:]), np.uint8)
            assert tile.shape[0] == min((row + 1) * TILE + OVERLAP, height) - top
            assert tile.shape[1] == min((column + 1) * TILE + OVERLAP, width) - left
            canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    assert canvas is not None
    return canvas


@pytest.mark.parametrize("shape", [(1, 1), (254, 254), (255, 600), (513, 2)])
def test_every_level_is_there_and_the_largest_has_every_pixel(shape):
    image = smooth(*shape, 3)
    archive = tiles_of(encode(image, LOSSLESS))
    levels = math.ceil(math.log2(max(shape))) if max(shape) > 1 else 0
    assert f'<Size Width="{shape[1]}" Height="{shape[0]}"/>' in archive.read("image/image.dzi").decode()
    rgb = image[:, :, ::-1]
    before = rgb
    for level in range(levels, -1, -1):
        scale = 2 ** (levels - level)
        height, width = math.ceil(shape[0] / scale), math.ceil(shape[1] / scale)
        found = level_of(archive, level, width, height, "png")
        if level == levels:
            assert np.array_equal(found, rgb)
        else:
            padded = np.pad(before, ((0, before.shape[0] % 2), (0, before.shape[1] % 2), (0, 0)), "edge").astype(int)
            means = padded.reshape(height, 2, width, 2, 3).mean((1, 3))
            assert np.abs(means - found).max() <= 0.5
        before = found
    assert {name.split("/")[2] for name in archive.namelist() if "_files" in name} == {*map(str, range(levels + 1))}


def test_the_files_are_those_of_libvips(tmp_path):
    """Only their order, and the tiles' own bytes, are ours."""
    image = smooth(300, 700, 3)
    lazy = pyvips.Image.new_from_array(image)
    lazy.dzsave(str(tmp_path / "image.zip"), container="zip", suffix=".jpg", overlap=1, tile_size=254)
    with zipfile.ZipFile(tmp_path / "image.zip") as theirs:
        wanted = {name for name in theirs.namelist() if name.endswith((".jpg", ".dzi"))}
    found = set(tiles_of(encode(image, Target("szi"))).namelist())
    assert found == {f"image/{name}" for name in wanted}


def test_transparent_pixels_do_not_shine_through():
    image = np.zeros((300, 300, 4), np.uint8)
    image[:, ::2] = (255, 255, 255, 0)
    image[:, 1::2] = (0, 0, 200, 255)
    level = level_of(tiles_of(encode(image, LOSSLESS)), 8, 150, 150, "png")
    assert np.array_equal(np.unique(level.reshape(-1, 4), axis=0), [[200, 0, 0, 128]])
    flat = level_of(tiles_of(encode(image, Target("szi"))), 9, 300, 300, "jpg")
    assert flat.shape == (300, 300, 3)


def test_deep_images_and_gray_ones_have_tiles_of_8_bits():
    deep = smooth(60, 70, 1).astype(np.uint16) * 257
    found = level_of(tiles_of(encode(deep, LOSSLESS)), 7, 70, 60, "png")
    assert np.array_equal(found, deep // 257)


# --- in strips ----


def in_bands(image: np.ndarray, target: Target, rows: int = 128) -> bytes:
    height, width = image.shape[:2]
    check_output("o", target, width, height)
    writer = Ordered(open_writer(target, formats.Carried(), width, height, rows, bilevel=False))
    for index, band in [*enumerate(bands(height, rows))][::-1]:
        writer.put(index, image[band.top : band.bottom])
    with writer.finish() as file:
        return bytes(whole(file))


@pytest.mark.parametrize(("channels", "rows"), [(1, 32), (3, 128), (4, 384)])
def test_tiles_from_strips_are_those_of_the_whole_image(channels, rows):
    image = smooth(531, 333, channels)
    for target in (LOSSLESS, Target("szi", 70, options=Options(chroma="4:4:4"))):
        assert in_bands(image, target, rows) == encode(image, target)


@pytest.mark.parametrize("chroma", ["4:4:4", "4:2:2", "4:2:0", None])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_from_strips_has_the_pixels_of_the_whole_one(chroma, channels):
    image = smooth(531, 335, channels)
    target = Target("jpeg", 85, options=Options(chroma=chroma, dpi=300))
    strips, at_once = (Image.open(io.BytesIO(file)) for file in (in_bands(image, target), encode(image, target)))
    assert np.array_equal(np.asarray(strips), np.asarray(at_once))
    assert strips.info["dpi"] == at_once.info["dpi"] == (300, 300)
    assert strips.layer == at_once.layer


def test_density_of_png_and_tiff_from_strips():
    for kind in ("png", "tiff"):
        found = Image.open(io.BytesIO(in_bands(smooth(200, 60, 3), Target(kind, options=Options(dpi=600)))))
        assert found.info["dpi"] == pytest.approx((600, 600), abs=0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(progressive=True), "cannot be stored as progressive JPEG, which needs all of it in memory: leave"),
        (Options(max_bytes=5000), "stored as JPEG of at most 5000 bytes, which needs all of it in memory: leave"),
    ],
)
def test_what_strips_cannot_do_is_named(options, words):
    with pytest.raises(ImageError, match=words):
        check_output("o", Target("jpeg", options=options), 20_000, 20_000)


def test_a_step_that_fails_is_named_with_its_output_and_its_filter():
    step = Step("crop", (("height", 10), ("left", 90), ("width", 10)))
    file = encode(smooth(50, 50, 3), Target("png"))
    boxed = Step("letterbox", (("height", 60), ("width", 60)))  # which stands for two filters
    with pytest.raises(ImageError, match=r"^Output 'o', step 2, filter 'crop': The image of 60 x 60 pixels"):
        process(file, Recipe((Output("o", (boxed, step)),)))
