"""Every format that is read: a file from an independent library, and the pixels it must become."""

import struct
import zlib

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.jobs.extensions import FORMAT_OF_EXTENSION
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import decode, limits, read_header, sniff
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips
from tests.unit import samples
from tests.unit.golden_files import GOLDEN, PALETTE, associated_tiff, clear_entry, cmyk, with_header
from tests.unit.raw_files import dng
from tests.unit.samples import BGR, BGRA, HEIGHT, UPRIGHT, WIDTH, difference, pil, saved, vips


@pytest.mark.parametrize("name", GOLDEN)
def test_a_file_becomes_its_pixels(name):
    file, expected, tolerance = GOLDEN[name]
    said = read_header(file)
    image = decode(file, said)
    assert difference(image, expected) <= tolerance
    assert said.format == name.split(",")[0].removeprefix("a" if name == "apng" else "")
    assert (said.width, said.height) == (image.shape[1], image.shape[0])
    assert said.bits == 8 * image.itemsize
    exact = said.format not in ("gif", "bmp", "jxl")  # their headers only give an upper bound
    bands = image.shape[2] if image.ndim == 3 else 1
    assert (said.bands == bands) if exact else (said.bands >= bands)
    assert said.alpha == (said.bands in (2, 4))
    assert image.flags.c_contiguous


class Meter(FileBlob):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, offset, length):
        data = super().read(offset, length)
        self.taken += len(data)
        return data


def test_libvips_adds_no_threads_to_those_of_the_pool():
    assert pyvips.concurrency_get() == 1


@pytest.fixture
def blob():
    return Meter()


@pytest.mark.parametrize("name", GOLDEN)
def test_a_blob_in_a_file_is_the_same(name, blob):
    file, _, _ = GOLDEN[name]
    blob.append(file)
    said = read_header(blob)
    assert said == read_header(file) == read_header(memoryview(file))
    assert np.array_equal(decode(blob, said), decode(file, said))


STRIPS = {"jpeg", "png", "tiff"}


@pytest.mark.parametrize("name", GOLDEN)
def test_what_can_be_decoded_in_strips(name):
    said = read_header(GOLDEN[name][0])
    assert said.bounded == (said.format in STRIPS and not any(word in name for word in ("progressive", "interlaced")))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tiff", ".webp", ".bmp", ".jp2", ".gif"])
def test_a_header_takes_few_bytes_of_a_large_file(extension, blob):
    noise = np.random.default_rng(1).integers(0, 256, (700, 700, 3), np.uint8)
    blob.append(cv2.imencode(extension, noise)[1].tobytes())
    assert len(blob) > 200_000
    assert read_header(blob).pixels == 490_000
    assert blob.taken < 40_000


class Failing(FileBlob):
    """A disk that fails beyond the offset `ends`."""

    ends = 1 << 62

    def read(self, offset, length):
        if offset + length > self.ends:
            raise OSError(5, "Input/output error")
        return super().read(offset, length)


@pytest.mark.parametrize("damaged", Damaged)
@pytest.mark.parametrize("extension", [".jpg", ".png", ".tiff", ".webp"])
def test_a_disk_that_fails_is_no_damage_to_the_image(extension, damaged):
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    blob = Failing()
    blob.append(cv2.imencode(extension, noise)[1].tobytes())
    said = read_header(blob)
    blob.ends = len(blob) // 2
    with pytest.raises(OSError, match="Input/output"):
        decode(blob, said, damaged)


# --- colours ----


def test_a_cmyk_jpeg_becomes_srgb():
    file = saved(cmyk(), "JPEG", quality=100)
    said = read_header(file)
    assert (said.cmyk, said.bands) == (True, 3)
    image = decode(file, said)
    white, red, green, black = (image[8, 16 * column + 8].astype(int) for column in range(4))
    assert white.min() > 245
    assert black.max() < 70
    assert red[2] > 200
    assert red[:2].max() < 80
    assert green[1] > 120
    assert green[1] > green[2] + 60


def test_a_cmyk_tiff_becomes_the_same_colours():
    file = saved(cmyk(), "TIFF")
    assert difference(decode(file, read_header(file)), decode(*with_header(saved(cmyk(), "JPEG", quality=100)))) < 0.03


def test_colours_that_were_multiplied_by_alpha_are_divided_again():
    image = decode(*with_header(associated_tiff()))
    opaque = BGRA[:, :, 3] > 128
    assert np.array_equal(image[:, :, 3], BGRA[:, :, 3])
    assert np.abs(image[opaque].astype(int) - BGRA[opaque]).max() <= 2


def test_a_transparent_gif_has_alpha():
    image = decode(*with_header(saved(PALETTE, "GIF", transparency=3)))
    assert np.array_equal(image[:, :, 3], clear_entry()[:, :, 3])
    seen = image[:, :, 3] > 0
    assert np.array_equal(image[seen], clear_entry()[seen])


def test_white_of_ten_bits_is_white():
    white = np.full((8, 8, 3), 65535, np.uint16)
    for file in (
        vips(white).heifsave_buffer(compression="av1", bitdepth=10, lossless=True),
        heic_of(white),
    ):
        assert decode(*with_header(file)).min() >= 65535 - 64


def heic_of(image):
    file = samples.io.BytesIO()
    height, width = image.shape[:2]
    samples.pillow_heif.from_bytes("RGB;16", (width, height), image.tobytes()).save(file, format="HEIF", quality=100)
    return file.getvalue()


# --- orientation ----


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_orientation_is_turned_upright_once(kind, orientation):
    """For AVIF and HEIC, Pillow writes the orientation as the format's own rotation and mirror (irot, imir)."""
    options = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }.get(kind, {})
    said = samples.Image.Exif()
    said[0x0112] = orientation
    file = saved(pil(BGR), kind, exif=said if kind == "TIFF" else said.tobytes(), **options)
    found = read_header(file)
    image = decode(file, found)
    assert difference(image, UPRIGHT[orientation](BGR)) < 0.08
    assert found.upright == (image.shape[1], image.shape[0])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation):
    file = samples.jpeg_with(saved(pil(BGR), "JPEG"), 0xE1, b"Exif\0\0" + samples.exif(orientation))
    assert read_header(file).orientation == 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_is_turned_upright(orientation):
    said = read_header(dng((0.1, 0.25, 0.5), orientation))
    assert said.orientation == orientation
    assert said.upright == ((HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT))
    image = decode(dng((0.1, 0.25, 0.5), orientation), said)
    assert image.shape[:2] == said.upright[::-1]


# --- names and magic ----


def test_a_camera_s_tiff_is_a_raw_file_if_it_has_a_sensor_s_samples():
    """NEF and ARW: a small picture first, and the samples in a directory of their own."""
    for order, kind in (("<", b"II*\0"), (">", b"MM\0*")):

        def entry(tag, value, order=order):
            """A short, as its bytes lie in the entry."""
            return struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)

        make, below = struct.pack(f"{order}HHII", 0x10F, 2, 6, 0), struct.pack(f"{order}HHII", 0x14A, 4, 1, 50)
        for photometric, found in ((32803, "raw"), (2, "tiff")):
            first = struct.pack(f"{order}H", 3) + entry(0x106, 2) + make + below
            second = struct.pack(f"{order}H", 1) + entry(0x106, photometric)
            file = kind + struct.pack(f"{order}I", 8) + first + bytes(4) + second
            assert len(first) == 38
            assert sniff(file) == found
            assert sniff(file.replace(make, struct.pack(f"{order}HHII", 0x10E, 2, 6, 0))) == "tiff", (
                "it names no camera"
            )


def test_every_extension_stands_for_a_format_that_is_read():
    read = {sniff(file) for file, _, _ in GOLDEN.values()}
    assert set(FORMAT_OF_EXTENSION.values()) == read


def test_a_heif_container_is_what_its_brands_say():
    assert sniff(samples.box(b"ftyp", b"mif1\0\0\0\0mif1avif")) == "avif"
    assert sniff(samples.box(b"ftyp", b"mif1\0\0\0\0mif1heic")) == "heic"


def test_a_profile_bomb_is_left_behind():
    """64 MiB in 64 KiB. The image is read all the same."""
    bomb = (b"iCCP", b"bomb\0\0" + zlib.compress(bytes(64 << 20), 9))
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in BGR[:, :, ::-1]))
    file = samples.png(samples.ihdr(WIDTH, HEIGHT), bomb, (b"IDAT", rows))
    said = read_header(file)
    assert said.icc is None or len(said.icc) <= limits.MAX_METADATA
