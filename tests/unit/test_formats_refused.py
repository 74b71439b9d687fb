"""Files that are refused, and what is decoded of damaged ones."""

import contextlib
import random
import sys
import zlib

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import decode, read_header
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips
from tests.unit import samples
from tests.unit.golden_files import (
    GOLDEN,
    with_header,
)
from tests.unit.raw_files import dng
from tests.unit.samples import BGR, GRAY, pil, saved, vips


def frame(marker, bits=8):
    """A JPEG whose frame says that it is of another process or depth."""
    file = bytearray(saved(pil(BGR), "JPEG"))
    at = file.index(b"\xff\xc0")
    file[at + 1], file[at + 4] = marker, bits
    return bytes(file)


def with_components(count):
    """A gray JPEG whose frame names more components."""
    file = bytearray(saved(pil(GRAY), "JPEG"))
    file[file.index(b"\xff\xc0") + 9] = count
    return bytes(file)


WEBP_OF_SIZE = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (59_999).to_bytes(3, "little") * 2
NO_ROWS = (b"IDAT", zlib.compress(b""))
REFUSED = {
    "float tiff": (
        saved(pil(GRAY).convert("F"), "TIFF"),
        "The TIFF file has floating-point samples; only unsigned integers of up to 16",
    ),
    "signed tiff": (vips(BGR).cast("short").tiffsave_buffer(), "The TIFF file has signed 16-bit samples"),
    "uint32 tiff": (vips(BGR).cast("uint").tiffsave_buffer(), "The TIFF file has 32-bit samples"),
    "wide png": (
        samples.png(samples.ihdr(1_000_001, 1), NO_ROWS),
        "The image is 1000001 x 1 pixels; a side of a PNG file may have at most 1000000.",
    ),
    "png of no width": (samples.png(samples.ihdr(0, 1), NO_ROWS), "The PNG file is damaged or cut short."),
    "gif of no size": (b"GIF89a" + bytes(20), "The GIF file claims a size of 0 x 0 pixels."),
    "hollow png": (samples.png(samples.ihdr(60_000, 60_000), NO_ROWS), "The PNG file is damaged or cut short."),
    "large webp": (WEBP_OF_SIZE, "The image has more than 512 megapixels."),
    "text": (b"Dear diary, today was fine.", "The file is not an image of a known format."),
    "empty": (b"", "The file is empty."),
    "pdf": (b"%PDF-1.7\n", "The file is a PDF, which cannot be read."),
    "psb": (b"8BPS\0\2" + bytes(40), "The file is a large Photoshop file (PSB), which cannot be read."),
    "html": (b"\n<!DOCTYPE HTML><title>404</title>", "The file is an HTML page, which cannot be read."),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://x"/>', "The file is an SVG drawing, which cannot be read."),
    "jpeg of 12 bits": (frame(0xC1, 12), "The file is a 12-bit JPEG, which cannot be read."),
    "lossless jpeg": (frame(0xC3), "The file is a lossless JPEG, which cannot be read."),
    "hierarchical jpeg": (frame(0xC5), "The file is a hierarchical JPEG, which cannot be read."),
    "jpeg-ls": (frame(0xF7), "The file is a JPEG-LS image, which cannot be read."),
    "jpeg of two components": (
        with_components(2),
        "The file is a JPEG of 2 colour components, which cannot be read.",
    ),
    "jpeg xr": (b"II\xbc\1" + bytes(40), "The file is a JPEG XR image, which cannot be read."),
    "qoi": (b"qoif" + bytes(40), "The file is a QOI image, which cannot be read."),
    "radiance": (b"#?RADIANCE\n" + bytes(40), "The file is a Radiance image (HDR), which cannot be read."),
    "dds": (b"DDS " + bytes(200), "The file is a DirectDraw surface (DDS), which cannot be read."),
    "dicom": (bytes(128) + b"DICM" + bytes(40), "The file is a DICOM image, which cannot be read."),
    "fits": (b"SIMPLE  =                    T", "The file is a FITS image, which cannot be read."),
    "pam": (b"P7\nWIDTH 1\n", "The file is a PAM image, which cannot be read."),
    "pfm": (b"PF\n1 1\n-1.0\n" + bytes(12), "The file is a floating-point image (PFM), which cannot be read."),
    "avi": (b"RIFF" + bytes(4) + b"AVI " + bytes(40), "The file is a film, which cannot be read."),
    "gzip": (b"\x1f\x8b\x08" + bytes(40), "The file is a gzip archive, which cannot be read."),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\n", "The file is a pointer of Git LFS, which stands for"),
    "mp4": (samples.box(b"ftyp", b"isom\0\0\0\0isommp42"), "The file is a film, which cannot be read."),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "The file is a PostScript file (EPS), which cannot be read."),
    "xcf": (b"gimp xcf v011\0" + bytes(40), "The file is a GIMP file (XCF), which cannot be read."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_an_image_here_is_one_sentence(name):
    file, sentence = REFUSED[name]
    with pytest.raises(ImageError) as raised:
        decode(file, read_header(file))
    assert str(raised.value).startswith(sentence)
    assert str(raised.value).endswith(".")


def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_takes_hours():
    file = saved(pil(BGR), "JPEG", progressive=True)
    last = file.rindex(b"\xff\xda")
    bomb = file[:-2] + file[last:-2] * 200 + b"\xff\xd9"
    with pytest.raises(ImageError, match=r"^The JPEG file has more than 100 scans\.$"):
        decode(bomb, read_header(bomb))


def test_what_follows_a_jpeg_is_no_scan_of_it():
    """Phones append a film to a photograph."""
    file = saved(pil(BGR), "JPEG", progressive=True)
    assert np.array_equal(decode(*with_header(file + b"\xff\xda" * 500)), decode(*with_header(file)))


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("sampling", [0x111111, 0x211111, 0x221111, 0x411111, 0x121111])
def test_jpeg_pixels_are_opencvs(sampling, progressive):
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    for width, height in ((1, 1), (2, 33), (7, 5), (16, 8), (17, 16), (33, 1), (65, 40)):
        file = cv2.imencode(".jpg", samples.picture(height, width), options)[1]
        assert np.array_equal(decode(*with_header(file.tobytes())), cv2.imdecode(file, cv2.IMREAD_COLOR))


@pytest.mark.parametrize(("name", "library"), [("heic", "pillow_heif"), ("raw", "rawpy"), ("jxl", "pillow_jxl")])
def test_a_file_without_its_library_says_what_to_install(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImageError) as error:
        read_header(GOLDEN[name][0])
    assert str(error.value) == f"{name.upper()} files need an extra library: pip install 'filterfleet[{name}]'."


@pytest.mark.parametrize("magic", [b"FUJIFILMCCD-RAW", b"IIRO", b"MMOR", b"IIU\0", b"II*\0\x10\0\0\0CR\2\0"])
def test_a_raw_file_that_libraw_does_not_know_says_so(magic):
    with pytest.raises(
        ImageError, match=r"^The RAW file is damaged, cut short or of a camera that LibRaw does not know"
    ):
        read_header(magic + bytes(200))


def test_a_spoiled_raw_file_is_an_image_or_one_sentence(capfd):
    """LibRaw itself writes to stderr where a file is damaged; nothing can stop it."""
    rng, good = random.Random(5), dng((0.1, 0.25, 0.5))
    for number in range(300):
        bad = bytearray(good)
        for _ in range(rng.choice((1, 3, 20))):
            bad[rng.randrange(500 if number % 2 else len(bad))] ^= 1 << rng.randrange(8)
        if number % 3 == 0:
            del bad[rng.randrange(len(bad)) :]
        with contextlib.suppress(ImageError, MemoryError):
            decode(bytes(bad), read_header(bytes(bad)))
    assert all(line.startswith("unknown file: ") for line in capfd.readouterr().err.splitlines())


@pytest.mark.parametrize("head", [b"P5 2 2 0\n", b"P5 2 2 65536\n", b"P6 2\n", b"P5 99999 99999 255\n", b"P1 # "])
def test_a_pnm_with_an_impossible_header_is_refused(head):
    with pytest.raises(ImageError):
        read_header(head + bytes(20))


@pytest.mark.parametrize(
    "file", [b"P6 2 2 255\n" + bytes(11), b"P4 9 2\n\0\0\0", b"P2 2 1 255\n1", b"P2 2 1 255\n1 x", b"P1 4 1\n010"]
)
def test_a_pnm_that_ends_early_is_refused(file):
    with pytest.raises(ImageError, match=r"^The PNM file is damaged or cut short\.$"):
        decode(file, read_header(file))


CUT = [
    "jpeg",
    "jpeg, progressive",
    "png",
    "png, interlaced",
    "tiff",
    "tiff, tiled",
    "webp",
    "avif",
    "gif",
    "bmp",
    "jp2",
]


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_in_half_is_refused(name):
    file = GOLDEN[name][0]
    with pytest.raises(ImageError, match=r"^The [A-Z0-9]+ file is damaged(,| or) cut short"):
        decode(file[: len(file) // 2], read_header(file))


@pytest.mark.parametrize("name", ["jpeg", "jpeg, progressive", "png"])
def test_and_decoded_as_far_as_it_goes_if_that_is_accepted(name):
    image = samples.picture(200, 300)
    options = {"progressive": True} if "progressive" in name else {}
    file = saved(pil(image), name.split(",")[0].upper(), **options)
    cut = file[: len(file) * 3 // 4]
    found = decode(cut, read_header(cut), Damaged.ACCEPT)
    assert found.shape == (200, 300, 3)
    whole = decode(file, read_header(file))
    if "progressive" in name:
        assert np.abs(found.astype(int) - whole).mean() < 20
    else:
        assert np.array_equal(found[:80], whole[:80])


def test_a_spoiled_jpeg_is_refused_or_accepted():
    file = bytearray(saved(pil(samples.picture(200, 300)), "JPEG", quality=95))
    middle = len(file) // 2
    file[middle : middle + 20] = b"\xff\xd3" * 10
    said = read_header(bytes(file))
    with pytest.raises(ImageError, match="damaged"):
        decode(bytes(file), said)
    assert decode(bytes(file), said, Damaged.ACCEPT).shape == (200, 300, 3)


def test_a_spoiled_checksum_is_damage():
    file = bytearray(saved(pil(BGR), "PNG"))
    file[file.index(b"IDAT") + 10] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        decode(bytes(file), read_header(bytes(file)))


def test_a_message_of_libvips_need_not_be_utf8():
    """It may quote bytes of the file. pyvips would fail over it, and over it again for every later file."""
    assert pyvips.error._to_string(pyvips.ffi.new("char[]", b"source: \xa2")) == "source: \ufffd"
