"""TIFF whose pixels have more samples than colour and alpha, together and in planes. The golden values are the samples
that were encoded.
"""

import struct

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import decode, read_header
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, WIDTH, deep

SPARE = GRAY[::-1]
ROWS = 7  # of a strip
GRAYS, COLOURS = 1, 2


def read(file):
    return decode(file, read_header(file))


def in_rgb_order(image):
    channels = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
    return np.atleast_3d(image)[:, :, channels[np.atleast_3d(image).shape[2]]]


def tiff(image, photometric, extra, *, planes=1, order="<"):
    """(height, width, samples) in strips, and ExtraSamples; none if empty."""
    count, bits = image.shape[2], 8 * image.itemsize
    parts = image.transpose(2, 0, 1) if planes == 2 else [image]
    parts = [part.astype(image.dtype.newbyteorder(order)) for part in parts]
    strips = [part[top : top + ROWS].tobytes() for part in parts for top in range(0, HEIGHT, ROWS)]
    tags = {256: (3, [WIDTH]), 257: (3, [HEIGHT]), 258: (3, [bits] * count), 259: (3, [1]), 262: (3, [photometric])}
    tags |= {273: (4, [0] * len(strips)), 277: (3, [count]), 278: (3, [ROWS]), 279: (4, list(map(len, strips)))}
    tags |= {284: (3, [planes])} | ({338: (3, list(extra))} if extra else {})
    behind = 8 + 2 + 12 * len(tags) + 4
    lengths = {tag: len(numbers) * (2 if kind == 3 else 4) for tag, (kind, numbers) in tags.items()}
    start = behind + sum(length for length in lengths.values() if length > 4)
    tags[273] = (4, [start + sum(map(len, strips[:index])) for index in range(len(strips))])
    table, values = b"", b""
    for tag, (kind, numbers) in tags.items():
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        cell = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(order + "I", behind + len(values))
        values += packed if len(packed) > 4 else b""
        table += struct.pack(order + "HHI", tag, kind, len(numbers)) + cell
    head = struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    return head + table + bytes(4) + values + b"".join(strips)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_gray_with_alpha(wide, planes, order):
    """libvips takes the strips of separate planes for pixels that lie side by side."""
    image = deep(GRAY_ALPHA) if wide else GRAY_ALPHA
    file = tiff(image, GRAYS, (2,), planes=planes, order=order)
    assert read_header(file).alpha
    assert np.array_equal(read(file), image)


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_alpha_stays_where_white_is_zero(wide, planes):
    image = deep(GRAY_ALPHA) if wide else GRAY_ALPHA
    inverted = np.dstack([np.invert(image[:, :, 0]), image[:, :, 1]])
    assert np.array_equal(read(tiff(inverted, 0, (2,), planes=planes)), image)


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(
    ("image", "extra"),
    [
        (GRAY, (0,)),
        (GRAY, (0, 0)),
        (GRAY, (0,) * 7),
        (GRAY_ALPHA, (2, 0)),
        (BGR, (0, 0)),
        (BGRA, (2, 0)),
        (BGRA, (2, 0, 0)),
    ],
    ids=["gray + 1", "gray + 2", "gray + 7", "gray, alpha + 1", "colour + 2", "colour, alpha + 1", "colour, alpha + 2"],
)
def test_what_is_neither_colour_nor_alpha_is_dropped(image, extra, planes):
    stored = in_rgb_order(image)
    photometric = GRAYS if stored.shape[2] < 3 else COLOURS
    spare = [SPARE] * extra.count(0)
    file = tiff(np.dstack([stored, *spare]), photometric, extra, planes=planes)
    assert read_header(file).alpha == (2 in extra)
    assert np.array_equal(read(file), image)


def test_gray_of_several_channels_is_no_colour():
    """A microscope's file without ExtraSamples. libvips takes the three channels for red, green and blue."""
    assert np.array_equal(read(tiff(np.dstack([GRAY, SPARE, SPARE]), GRAYS, ())), GRAY)


@pytest.mark.parametrize("photometric", [GRAYS, COLOURS])
def test_a_sample_before_the_alpha_is_refused_by_name(photometric):
    stored = in_rgb_order(BGR) if photometric == COLOURS else np.atleast_3d(GRAY)
    with pytest.raises(ImageError, match="samples of an unknown meaning before its alpha, which cannot be read"):
        read(tiff(np.dstack([stored, SPARE, SPARE]), photometric, (0, 2)))


def test_samples_whose_format_is_not_stated_are_numbers():
    """SampleFormat 4: nobody says what they are."""
    stored = samples.tiff_data(10)
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 339: (3, 1, 4)}
    tags |= {273: (4, 1, stored), 277: (3, 1, 1), 278: (3, 1, HEIGHT), 279: (4, 1, GRAY.size)}
    assert np.array_equal(read(samples.tiff(tags, GRAY.tobytes())), GRAY)
