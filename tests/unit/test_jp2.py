"""JPEG 2000 of every depth and sampling, put together from codestreams whose samples are known."""

import struct
import sys

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, cv2, difference, opened, pil, saved

SIZ_COMPONENTS = 40  # where the number of components stands in a codestream


def read(file):
    return decode(file, read_header(file))


def of_depth(values, bits):
    """A lossless file whose samples have this many bits. It is written with 16, around the middle of them, and says
    afterwards that there are fewer: the level shift of a decoder then takes the middle away again.
    """
    moved = (values.astype(int) + 32768 - (1 << bits - 1)).astype(np.uint16)
    lossless = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
    file = bytearray(cv2.imencode(".jp2", moved, lossless)[1].tobytes())
    at = file.index(b"\xff\x4f\xff\x51") + SIZ_COMPONENTS
    (count,) = struct.unpack_from(">H", file, at)
    for component in range(count):
        file[at + 2 + 3 * component] = bits - 1
    return bytes(file)


LARGER = [np.tile(image, (2, 2) + (1,) * (image.ndim - 2)) for image in (GRAY, BGR, BGRA)]  # OpenCV's smallest is 32


@pytest.mark.parametrize("image", LARGER, ids=["gray", "colour", "alpha"])
@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_9_to_15_bits_become_16_and_white_stays_white(bits, image):
    top = (1 << bits) - 1
    values = np.round(image / 255 * top).astype(np.uint16)
    values[0, 0] = top
    expected = np.round(values.astype(float) * 65535 / top).astype(np.uint16)
    found = read(of_depth(values, bits))
    assert np.array_equal(found, expected)
    assert found[0, 0].min() == 65535


def test_white_of_twelve_bits_is_the_white_of_pillow():
    file = of_depth(np.full((32, 32), 4095), 12)
    assert np.asarray(opened(file)).min() >> 4 == 4095  # Pillow shifts the bits up
    assert read(file).min() == 65535


@pytest.mark.parametrize("bare", [False, True])
def test_gray_with_alpha(bare):
    file = saved(pil(GRAY_ALPHA), "JPEG2000", no_jp2=bare)
    said = read_header(file)
    assert (said.bands, said.bits, said.alpha) == (2, 8, True)
    assert np.array_equal(read(file), GRAY_ALPHA)
    assert np.array_equal(samples.pixels(opened(file)), GRAY_ALPHA)


def test_gray_of_16_bits_with_alpha():
    planes = [(plane.astype(np.uint16) * 257) for plane in (GRAY, GRAY_ALPHA[:, :, 1])]
    file = wrapped(merged(planes, [(1, 1), (1, 1)]), 2, colours=17)
    assert np.array_equal(read(file), np.dstack(planes))


# --- several components from codestreams of one ----


def merged(planes, steps):
    """A codestream of these planes, whose samples lie `steps` (across, down) apart. The packets of a component follow
    each other (progression CPRL), so those of codestreams of one component can be joined.
    """
    single = [saved(samples.Image.fromarray(plane), "JPEG2000", no_jp2=True, num_resolutions=3) for plane in planes]
    main, tile = single[0].split(b"\xff\x90")[0], b"".join(file.split(b"\xff\x93", 1)[1][:-2] for file in single)
    depth = main[SIZ_COMPONENTS + 2]
    components = b"".join(bytes((depth, *step)) for step in steps)
    siz = main[:4] + struct.pack(">H", 38 + len(components)) + main[6:SIZ_COMPONENTS]
    rest = bytearray(main[SIZ_COMPONENTS + 5 :])
    rest[rest.index(b"\xff\x52") + 5] = 4
    sot = struct.pack(">BBHHIBB", 0xFF, 0x90, 10, 0, 14 + len(tile), 0, 1)
    return siz + struct.pack(">H", len(planes)) + components + rest + sot + b"\xff\x93" + tile + b"\xff\xd9"


def wrapped(codestream, count, colours):
    height, width = GRAY.shape
    described = samples.box(b"ihdr", struct.pack(">IIHBBBB", height, width, count, 7, 7, 0, 0))
    described += samples.box(b"colr", struct.pack(">BBBI", 1, 0, 0, colours))
    front = samples.box(b"jP  ", b"\r\n\x87\n") + samples.box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return front + samples.box(b"jp2h", described) + samples.box(b"jp2c", codestream)


CHROMA = [np.full((15, 20), 90, np.uint8), np.full((15, 20), 180, np.uint8)]
HALVED = merged([GRAY, *CHROMA], [(1, 1), (2, 2), (2, 2)])


@pytest.mark.parametrize("file", [wrapped(HALVED, 3, 18), HALVED], ids=["sYCC", "codestream"])
def test_subsampled_colours(file):
    """ITU-R BT.601 with full ranges, by its formula and by Pillow."""
    blue, red = 90 - 128, 180 - 128
    wanted = [GRAY + 1.772 * blue, GRAY - 0.344136 * blue - 0.714136 * red, GRAY + 1.402 * red]
    expected = np.dstack(wanted).round().clip(0, 255).astype(np.uint8)
    assert difference(read(file), expected) <= 1 / 255
    assert difference(samples.pixels(opened(file)), expected) <= 1 / 255


def test_subsampled_colours_without_pillow_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(
        ImageError, match=r"^JPEG 2000 files with subsampled colours need an extra library: pip install"
    ):
        read(HALVED)


def changed(bits):
    file = bytearray(HALVED)
    for component in range(3):
        file[SIZ_COMPONENTS + 2 + 3 * component] = bits
    return bytes(file)


REFUSED = {
    "deep and subsampled": (changed(11), "The JP2 file has subsampled colours of more than 8 bits, which cannot be"),
    "signed": (changed(0x87), "The JP2 file has signed samples, which cannot be read."),
    "four bits": (changed(3), "The JP2 file has 4-bit samples; only 8 to 16 bits can be read."),
    "five components": (
        HALVED[:SIZ_COMPONENTS] + b"\0\5" + HALVED[SIZ_COMPONENTS + 2 :],
        "The JP2 file has 5 samples per pixel; at most 4 can be read.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(name):
    file, sentence = REFUSED[name]
    with pytest.raises(ImageError) as raised:
        read(file)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("file", [HALVED, saved(pil(GRAY_ALPHA), "JPEG2000")], ids=["subsampled", "gray and alpha"])
def test_half_a_file_is_refused(file):
    with pytest.raises(ImageError, match=r"^The JP2 file is damaged or cut short\.$"):
        read(file[: len(file) // 2])
