"""Hostile metadata takes a bounded number of steps. libvips, whose parser of EXIF takes quadratic time, sees none."""

import struct
import zlib

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.filters import picture
from filterfleet.worker.formats import Target, carried, decode, encode, read_header
from filterfleet.worker.formats.ifd import Directories
from filterfleet.worker.formats.unparsed import without_metadata
from filterfleet.worker.formats.xmp import of_the_picture
from filterfleet.worker.pixels.vips import open_image, pyvips
from tests.unit import samples
from tests.unit.samples import BGR, box, ihdr, jpeg_with, opened, pil, png, saved, vips

MIB = 1 << 20
IDAT = (b"IDAT", zlib.compress(bytes(8 * 25)))


def directory(entries, following=0):
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def tiff(*directories):
    return b"II*\0\x08\0\0\0" + b"".join(directories)


def pointers(count, tags=(0x8769,)):
    """Entries that all point to the directory in which they stand."""
    return tiff(directory([(tags[n % len(tags)], 4, 1, 8) for n in range(count)]))


def chain(count):
    """Thumbnails without end, each with pieces at the same places."""
    step = 2 + 12 * 2 + 4
    links = [directory([(0x111, 4, 50_000, 9000), (0x117, 4, 50_000, 9000)], 8 + step * n) for n in range(1, count)]
    return tiff(*links, directory([(0x111, 4, 50_000, 9000)], 8)) + bytes(300_000)


EXIFS = {
    "5,000 pointers to itself": pointers(5000),
    "65,000 pointers of three kinds": pointers(65_000, (0x8769, 0xA005, 0x8825)),
    "values that share their bytes": tiff(directory([(n, 2, 400_000, 8) for n in range(1, 65_000)])) + bytes(MIB // 4),
    "a long chain of thumbnails": chain(9000),
}


def jpeg(exif):
    return jpeg_with(saved(pil(BGR), "JPEG"), 0xE1, b"Exif\0\0" + exif[:65_000])


def png_of(*chunks):
    return png(ihdr(8, 8), *chunks, IDAT)


def avif(exif):
    empty = tiff(directory([])).ljust(len(exif), b"\xaa")  # Pillow looks into what it is given
    return saved(pil(BGR), "AVIF", exif=b"Exif\0\0" + empty).replace(empty, exif)


def behind_stray_bytes(file):
    return file[:2] + b"\xff\xfe\0\2abc\xff" + file[2:]


FILES = {
    "jpeg": jpeg,
    "jpeg behind stray bytes": lambda exif: behind_stray_bytes(jpeg(exif)),
    "png": lambda exif: png_of((b"eXIf", exif)),
    "png, again and again": lambda exif: png_of(*[(b"eXIf", exif)] * 16),
    "avif": avif,
}


class Meter(FileBlob):
    """Counts how often it is read."""

    reads = 0

    def read(self, offset, length):
        self.reads += 1
        return super().read(offset, length)


@pytest.fixture
def blob():
    with Meter() as meter:
        yield meter


@pytest.mark.parametrize("exif", EXIFS)
@pytest.mark.parametrize("kind", FILES)
def test_libvips_sees_no_exif_and_few_steps_are_taken(kind, exif, blob):
    file = FILES[kind](EXIFS[exif])
    image_format = kind.split()[0].strip(",")
    blob.append(file)
    for given in (file, blob):
        shown = open_image(without_metadata(given, image_format), image_format, fail_on="none", disk=[])
        assert not shown.get_typeof("exif-data")
    blob.reads = 0
    header = read_header(blob)
    assert carried(header, Metadata.KEEP).exif is None
    assert decode(blob, header).shape[2] == 3
    assert blob.reads < 2000


def test_the_pixels_are_those_of_the_file_without_its_metadata(blob):
    noise = np.random.default_rng(2).integers(0, 256, (300, 400, 3), np.uint8)
    text = (b"tEXt", b"Comment\0" + b"x" * 70_000)
    for image_format, plain in (("PNG", saved(pil(noise), "PNG")), ("AVIF", saved(pil(noise), "AVIF"))):
        told = saved(pil(noise), image_format, exif=samples.exif(gps=True))
        if image_format == "PNG":
            told = told[:33] + png(text)[8:-12] + told[33:] + b"behind the end"
        blob.append(told)
        for given in (told, blob):
            assert np.array_equal(decode(given, read_header(given)), decode(plain, read_header(plain)))
        blob.close()
        blob.__init__()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF"])
def test_exif_is_still_read(kind):
    """As Pillow reads it."""
    file = saved(pil(BGR), kind, exif=b"Exif\0\0" + samples.exif(orientation=1, gps=True))
    header = read_header(file)
    assert header.exif == opened(file).info["exif"].removeprefix(b"Exif\0\0")
    assert carried(header, Metadata.KEEP).exif


def test_the_exif_of_an_avif_by_another_writer_is_read():
    image = vips(BGR).copy()
    image.set_type(pyvips.GValue.blob_type, "exif-data", b"Exif\0\0" + samples.exif(gps=True))
    file = bytes(image.heifsave_buffer(compression="av1", keep="exif"))
    assert opened(file).getexif()[0x010F] == "Camera & Co"
    found = samples.Image.Exif()
    found.load(read_header(file).exif)
    assert found[0x010F] == "Camera & Co"


def test_the_exif_of_a_jpeg_is_found_behind_stray_bytes():
    file = jpeg(samples.exif(orientation=6))
    assert read_header(behind_stray_bytes(file)).orientation == read_header(file).orientation == 6


PARTS = {
    "jpeg": lambda: jpeg_with(saved(pil(BGR), "JPEG"), 0xFE, b"")[:6] * 1 + b"\xff\xfe\0\2" * 20_000,
    "png": lambda: png_of(*[(b"abCd", b"")] * 200_001),
    "jp2": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"free") * 20_000,
    "jxl": lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"free") * 20_000,
    "avif": lambda: box(b"ftyp", b"avif\0\0\0\0avif") + box(b"free") * 20_000,
}


@pytest.mark.parametrize("kind", PARTS)
def test_too_many_parts_are_refused_by_name(kind):
    with pytest.raises(ImageError, match=r"more than .* (segments|chunks|boxes)"):
        read_header(PARTS[kind]())


def test_values_that_share_their_bytes_are_read_once():
    file = tiff(directory([(n, 2, 400_000, 8) for n in range(1, 900)])) + bytes(MIB // 2)
    found = Directories(file).entries(8)
    assert sum(len(entry.value) for entry in found.values()) <= len(file)
    stored = samples.tiff(
        {256: (3, 1, 1), 257: (3, 1, 1), 273: (4, 1, 8)} | {40_000 + n: (7, 400_000, 8) for n in range(500)},
        bytes(MIB // 2),
    )
    with pytest.raises(ImageError, match="directory of more bytes than the file"):
        read_header(stored)


GAIN_MAP = b'<x xmlns:G="http://ns.adobe.com/hdr-gain-map/1.0/">'
PACKETS = {
    "blanks in a tag": b"<a:b" + b" " * MIB + b"></x>",
    "blanks behind a name": b"<a:b x:y" + b" " * MIB + b"></x>",
    "a name without end": b"<a:" + b"b" * MIB,
    "names": b"<a:" + b"b:" * (MIB // 2) + b">",
    "quotes": b"<a:b " + b"'" * MIB + b">",
    "elements that do not end": b"<G:a>" * (MIB // 5),
    "attributes": b"<a:b " + b" G:y='1'" * (MIB // 8) + b"/></x>",
}


@pytest.mark.parametrize("name", PACKETS)
def test_xmp_of_a_mebibyte_comes_to_an_end(name):
    """What takes quadratic time takes hours at this length, and stops at the time limit of the tests."""
    found = of_the_picture(GAIN_MAP + PACKETS[name])
    assert found is None or b"G:y" not in found


@pytest.mark.parametrize("policy", ["refuse", "accept"])
def test_fill_bytes_of_a_jpeg_come_to_an_end(policy):
    file = saved(pil(BGR), "JPEG")
    odd = file[:2] + b"\xff\xfe\0\2" + b"\xff" * MIB + b"\0" + file[2:]
    header = read_header(odd)
    image = decode(odd, header, policy)
    assert encode(image, Target("png"))


def test_small_blocks_of_a_gif_take_few_steps(blob):
    plain = saved(samples.Image.fromarray(samples.GRAY), "GIF")
    at = 13 + 3 * (2 << (plain[10] & 7))
    blob.append(plain[:at] + (b"\x21\xfe" + b"\1a" * 99 + b"\0") * 5000 + plain[at:])
    header = read_header(blob)
    assert (header.width, header.height) == (samples.WIDTH, samples.HEIGHT)
    assert blob.reads < 160_000  # of 500,000: one walk to the first frame, and one that counts the frames


LOGOS = {
    "png": saved(pil(BGR), "PNG", exif=b"Exif\0\0" + samples.exif()),
    "jpeg": saved(pil(BGR), "JPEG", exif=b"Exif\0\0" + samples.exif()),
    "jpeg, progressive": saved(pil(BGR), "JPEG", progressive=True),
    "webp": saved(pil(BGR), "WEBP"),
    "webp, lossless": saved(pil(BGR), "WEBP", lossless=True),
    "webp, extended": saved(pil(samples.BGRA), "WEBP", exif=b"Exif\0\0" + samples.exif()),
}


@pytest.mark.parametrize("name", LOGOS)
def test_the_size_of_a_recipes_picture_comes_from_its_header_alone(name, monkeypatch):
    """The picture of a watermark may be hostile, too: no library looks at it before its size is known to be small."""
    assert picture.decode(LOGOS[name]).shape[1::-1] == opened(LOGOS[name]).size
    monkeypatch.setattr(picture, "MAX_PIXELS", samples.WIDTH * samples.HEIGHT - 1)
    with monkeypatch.context() as context:
        context.setattr(picture.cv2, "imdecode", None)
        with pytest.raises(ImageError, match=f"{samples.WIDTH} x {samples.HEIGHT} pixels"):
            picture.decode.__wrapped__(LOGOS[name])
    for end in range(3, 60, 7):
        with pytest.raises(ImageError):
            picture.decode.__wrapped__(LOGOS[name][:end])
