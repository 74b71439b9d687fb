"""Photoshop files: the merged picture."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats import carried, decode, read_header
from tests.unit import samples
from tests.unit.golden_files import with_header
from tests.unit.photoshop_files import (
    BITMAP,
    CMYK,
    DUOTONE,
    GRAY,
    INDEXED,
    LAB,
    MULTICHANNEL,
    RGB,
    deep_layer_count,
    layer_count,
    planes_of,
    psd,
)
from tests.unit.samples import BGR, BGRA, GRAY_ALPHA, HEIGHT, WIDTH, deep

OPAQUE = samples.ALPHA[:, :, None].astype(int)
LAID_OVER_WHITE = np.dstack([(BGR * OPAQUE + 255 * (255 - OPAQUE) + 127) // 255, samples.ALPHA]).astype(np.uint8)


@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize(
    ("image", "mode"),
    [(BGR, RGB), (samples.GRAY, GRAY), (samples.GRAY, DUOTONE), (BGRA, RGB), (GRAY_ALPHA, GRAY)],
    ids=["colour", "gray", "duotone", "alpha", "gray and alpha"],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_samples_come_out_as_they_went_in(image, mode, runs, bits):
    image = deep(image) if bits == 16 else image
    file = psd(planes_of(image), mode, runs=runs)
    said = read_header(file)
    assert (said.bits, said.bands) == (bits, 1 if image.ndim == 2 else image.shape[2])
    assert np.array_equal(decode(file, said), image)
    if bits == 8 and image.shape[2:] != (2,):  # Pillow reads neither 16 bits nor gray with alpha
        assert np.array_equal(samples.pixels(samples.opened(file)), image)


@pytest.mark.parametrize("runs", [False, True])
def test_a_palette_becomes_colour(runs):
    palette = np.random.default_rng(3).integers(0, 256, (3, 256), np.uint8)
    file = psd(samples.GRAY[None], INDEXED, palette=palette.tobytes(), runs=runs)
    image = decode(*with_header(file))
    assert np.array_equal(image, palette[::-1].T[samples.GRAY])
    assert np.array_equal(image, samples.pixels(samples.opened(file)))


@pytest.mark.parametrize("runs", [False, True])
def test_a_set_bit_is_black(runs):
    """As ImageMagick and psd-tools have it."""
    black = samples.GRAY[:, :37] > 128
    file = psd(np.packbits(black, axis=1)[None], BITMAP, depth=1, width=37, runs=runs)
    assert np.array_equal(decode(*with_header(file)), np.where(black, 0, 255))


@pytest.mark.parametrize("bits", [8, 16])
def test_cmyk_becomes_srgb(bits):
    """Judged by the same ink in a TIFF."""
    ink = samples.picture(HEIGHT, 4 * WIDTH)[:, :, 0].reshape(HEIGHT, WIDTH, 4)
    paper = (255 - ink).transpose(2, 0, 1)
    tiff = samples.saved(samples.Image.frombytes("CMYK", (WIDTH, HEIGHT), ink.tobytes()), "TIFF")
    file = psd(paper.astype(np.uint16) * 257 if bits == 16 else paper, CMYK)
    said = read_header(file)
    assert (said.icc, said.bands, said.cmyk) == (None, 3, False)
    image = decode(file, said)
    expected = decode(*with_header(tiff))
    assert np.abs((image / (257 if bits == 16 else 1)) - expected.astype(float)).max() <= 1


@pytest.mark.parametrize("layers", [layer_count(-2), deep_layer_count(-1)], ids=["8 bits", "16 bits"])
def test_transparent_colours_of_merged_layers_are_taken_off_white(layers):
    image = decode(*with_header(psd(planes_of(LAID_OVER_WHITE), RGB, layers=layers)))
    seen = samples.ALPHA > 0
    off = np.abs(image.astype(int) - BGRA)[seen]
    assert (off * samples.ALPHA[seen][:, None] <= 255).all(), "within the rounding of the stored colour"
    assert np.array_equal(image[:, :, 3], samples.ALPHA)


def test_a_saved_selection_is_no_transparency():
    image = decode(*with_header(psd(planes_of(BGRA), RGB, layers=layer_count(2))))
    assert np.array_equal(image, BGR)


def test_a_picture_that_would_be_invisible_is_shown():
    clear = np.dstack([BGR, np.zeros_like(samples.GRAY)])
    assert np.array_equal(decode(*with_header(psd(planes_of(clear), RGB, layers=layer_count(-1)))), BGR)


def test_profile_resolution_and_metadata_go_along():
    resolution = struct.pack(">IHHIHH", 300 << 16, 1, 1, 150 << 16, 1, 1)
    resources = {
        1005: resolution,
        1039: samples.profile(),
        1058: samples.exif(6).removeprefix(b"Exif\0\0"),
        1060: b"<x:xmpmeta/>",
    }
    said = read_header(psd(planes_of(BGR), RGB, resources=resources))
    assert said.icc == samples.profile()
    assert said.orientation == 1, "the picture is stored upright"
    assert said.density == pytest.approx((300 / 0.0254, 150 / 0.0254))
    assert carried(said, Metadata.KEEP).exif is not None
    assert said.xmp == b"<x:xmpmeta/>"


def zipped(file):
    """The file as if its merged picture were compressed in another way: all of it is in front of the planes."""
    at = len(file) - BGR.size - 2
    return file[:at] + b"\0\2" + zlib.compress(file[at + 2 :])


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (psd(planes_of(BGR), LAB), "The PSD file has CIELAB colours, which cannot be read."),
        (
            zipped(psd(planes_of(BGR), RGB)),
            "The PSD file has ZIP compression of its merged picture, which cannot be read.",
        ),
        (psd(planes_of(BGR), MULTICHANNEL), "The PSD file has separate channels of ink, which cannot be read."),
        (psd(planes_of(BGR.astype(np.uint32)), RGB), "The PSD file has floating-point samples; only integers"),
        (psd(planes_of(BGR), RGB)[:-1], "The PSD file is damaged or cut short."),
        (psd(planes_of(BGR), RGB, runs=True)[:-9], "The PSD file is damaged or cut short."),
        (psd(planes_of(BGR), 77), "The PSD file is damaged or cut short."),
        (psd(planes_of(samples.GRAY), RGB), "The PSD file is damaged or cut short."),
        (psd(planes_of(BGR), RGB).replace(b"8BPS\0\1", b"8BPS\0\2"), "The file is a large Photoshop file (PSB), which"),
        (psd(np.zeros((3, 1, 1), np.uint8), RGB, width=300_000), "The PSD file is damaged or cut short."),
        (b"8BPS\0\1" + bytes(100), "The PSD file is damaged or cut short."),
    ],
)
def test_what_is_not_read_is_one_sentence(file, sentence):
    with pytest.raises(ImageError) as raised:
        decode(*with_header(file))
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("runs", [False, True])
def test_a_spoiled_file_is_an_image_or_a_sentence(runs):
    whole = psd(planes_of(BGRA), RGB, runs=runs, layers=deep_layer_count(-1), resources={1005: bytes(16)})
    dice = np.random.default_rng(1)
    for _ in range(400):
        file = bytearray(whole[: dice.integers(0, len(whole) + 1)] if dice.random() < 0.2 else whole)
        for place in dice.integers(0, min(len(file), 120) or 1, dice.integers(1, 6)):
            file[place : place + 1] = dice.integers(0, 256, 1, np.uint8).tobytes()
        try:
            said = read_header(bytes(file))
            assert said.pixels < 1 << 24, "pixels that the file cannot hold"
            decode(bytes(file), said)
        except ImageError as error:
            assert "decoder failed" not in str(error)  # noqa: PT017 - a file may be fine all the same
