"""Every format that is read: a file from an independent library, and the pixels it must become."""

import struct
import sys
import zlib

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.names import FORMAT_OF_EXTENSION
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats import decode, limits, read_header, sniff
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips
from tests.unit import samples
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, UPRIGHT, WIDTH, deep, difference, pil, saved, vips

PALETTE = pil(BGR).quantize(100)
BITS = pil(GRAY).convert("1")


def clear_entry(index=3):
    """BGRA of the palette picture with one entry transparent."""
    return samples.pixels(samples.opened(saved(PALETTE, "PNG", transparency=index)).convert("RGBA"))


def big_tiff():
    data = BGR[:, :, ::-1].tobytes()
    start = samples.tiff_data(10, big=True)
    bits = struct.unpack("<Q", struct.pack("<4H", 8, 8, 8, 0))[0]
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 258: (3, 3, bits), 259: (3, 1, 1), 262: (3, 1, 2)}
    tags |= {273: (16, 1, start), 277: (3, 1, 3), 278: (3, 1, HEIGHT), 279: (16, 1, len(data)), 284: (3, 1, 1)}
    return samples.tiff(tags, data, big=True)


def associated_tiff():
    """Colours are stored multiplied by alpha (TIFF 6.0, ExtraSamples = 1)."""
    alpha = BGRA[:, :, 3:].astype(int)
    data = np.dstack([(BGR[:, :, ::-1] * alpha + 127) // 255, alpha]).astype(np.uint8).tobytes()
    start = samples.tiff_data(11)
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 258: (3, 4, start + len(data)), 259: (3, 1, 1), 262: (3, 1, 2)}
    tags |= {273: (4, 1, start), 277: (3, 1, 4), 278: (3, 1, HEIGHT), 279: (4, 1, len(data)), 284: (3, 1, 1)}
    return samples.tiff(tags | {338: (3, 1, 1)}, data + struct.pack("<4H", 8, 8, 8, 8))


def inverted_tiff():
    """WhiteIsZero."""
    start = samples.tiff_data(9)
    tags = {256: (3, 1, WIDTH), 257: (3, 1, HEIGHT), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 0)}
    tags |= {273: (4, 1, start), 277: (3, 1, 1), 278: (3, 1, HEIGHT), 279: (4, 1, GRAY.size)}
    return samples.tiff(tags, (255 - GRAY).tobytes())


def jpeg_of(image, **options):
    file = saved(pil(image), "JPEG", quality=95, **options)
    return file, samples.pixels(samples.opened(file))


def cmyk():
    """White, red, green and black, as inks. Pillow itself converts to CMYK without the black ink."""
    colours = np.zeros((16, 64, 4), np.uint8)
    for column, inks in enumerate(((0, 0, 0, 0), (0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 255))):
        colours[:, 16 * column : 16 * column + 16] = inks
    return samples.Image.fromarray(colours, "CMYK")


ALMOST = 0.02  # of the range: the tolerance for lossy formats
SAME = 0.0


GOLDEN = {
    # JPEG
    "jpeg": (*jpeg_of(BGR), SAME),
    "jpeg, full chroma": (*jpeg_of(BGR, subsampling=0), SAME),
    "jpeg, progressive": (*jpeg_of(BGR, progressive=True), SAME),
    "jpeg, gray": (*jpeg_of(GRAY), SAME),
    "jpeg, restart markers": (*jpeg_of(BGR, restart_marker_rows=1), SAME),
    # PNG
    "png": (saved(pil(BGR), "PNG"), BGR, SAME),
    "png, interlaced": (vips(BGR).pngsave_buffer(interlace=True), BGR, SAME),
    "png, gray": (saved(pil(GRAY), "PNG"), GRAY, SAME),
    "png, one bit": (saved(BITS, "PNG"), samples.pixels(BITS), SAME),
    "png, palette": (saved(PALETTE, "PNG"), samples.pixels(PALETTE), SAME),
    "png, palette with alpha": (saved(PALETTE, "PNG", transparency=3), clear_entry(), SAME),
    "png, alpha": (saved(pil(BGRA), "PNG"), BGRA, SAME),
    "png, gray and alpha": (saved(pil(GRAY_ALPHA), "PNG"), GRAY_ALPHA, SAME),
    "png, 16 bits gray": (saved(samples.Image.fromarray(deep(GRAY)), "PNG"), deep(GRAY), SAME),
    "png, 16 bits": (cv2.imencode(".png", deep(BGR))[1].tobytes(), deep(BGR), SAME),
    "png, 16 bits and alpha": (cv2.imencode(".png", deep(BGRA))[1].tobytes(), deep(BGRA), SAME),
    "apng": (saved(pil(BGR), "PNG", save_all=True, append_images=[pil(255 - BGR)]), BGR, SAME),
    # TIFF
    "tiff": (saved(pil(BGR), "TIFF"), BGR, SAME),
    "tiff, lzw": (saved(pil(BGR), "TIFF", compression="tiff_lzw"), BGR, SAME),
    "tiff, deflate": (saved(pil(BGR), "TIFF", compression="tiff_adobe_deflate"), BGR, SAME),
    "tiff, packbits": (saved(pil(BGR), "TIFF", compression="packbits"), BGR, SAME),
    "tiff, jpeg": (saved(pil(BGR), "TIFF", compression="jpeg", quality=100), BGR, ALMOST),
    "tiff, tiled": (vips(BGR).tiffsave_buffer(tile=True, tile_width=16, tile_height=16), BGR, SAME),
    "tiff, tiled pyramid": (
        vips(BGR).tiffsave_buffer(tile=True, tile_width=16, tile_height=16, pyramid=True),
        BGR,
        SAME,
    ),
    "tiff, BigTIFF": (big_tiff(), BGR, SAME),
    "tiff, 16 bits": (cv2.imencode(".tiff", deep(BGR))[1].tobytes(), deep(BGR), SAME),
    "tiff, 16 bits gray": (saved(samples.Image.fromarray(deep(GRAY)), "TIFF"), deep(GRAY), SAME),
    "tiff, one bit": (saved(BITS, "TIFF", compression="group4"), samples.pixels(BITS), SAME),
    "tiff, palette": (saved(PALETTE, "TIFF"), samples.pixels(PALETTE), SAME),
    "tiff, white is zero": (inverted_tiff(), GRAY, SAME),
    "tiff, alpha": (saved(pil(BGRA), "TIFF"), BGRA, SAME),
    "tiff, gray and alpha": (saved(pil(GRAY_ALPHA), "TIFF"), GRAY_ALPHA, SAME),
    "tiff, CIELAB": (vips(BGR).colourspace("lab").tiffsave_buffer(), BGR, ALMOST),
    # WebP
    "webp": (cv2.imencode(".webp", BGR, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes(), BGR, SAME),
    "webp, lossless": (saved(pil(BGR), "WEBP", lossless=True), BGR, SAME),
    "webp, alpha": (saved(pil(BGRA), "WEBP", lossless=True, exact=True), BGRA, SAME),
    "webp, animated": (
        saved(pil(BGR), "WEBP", lossless=True, save_all=True, append_images=[pil(255 - BGR)]),
        BGR,
        SAME,
    ),
    # AVIF
    "avif": (saved(pil(BGR), "AVIF", quality=100, subsampling="4:4:4"), BGR, ALMOST),
    "avif, alpha": (saved(pil(BGRA), "AVIF", quality=100, subsampling="4:4:4"), BGRA, ALMOST),
    "avif, 10 bits": (
        vips(deep(BGR)).heifsave_buffer(compression="av1", bitdepth=10, lossless=True),
        deep(BGR),
        1 / 1000,
    ),
    "avif, 12 bits": (
        vips(deep(BGR)).heifsave_buffer(compression="av1", bitdepth=12, lossless=True),
        deep(BGR),
        1 / 4000,
    ),
    "avif, gray becomes colour": (saved(pil(GRAY), "AVIF", quality=100), np.dstack([GRAY] * 3), ALMOST),
    # GIF
    "gif": (saved(PALETTE, "GIF"), samples.pixels(PALETTE), SAME),
    "gif, interlaced": (saved(PALETTE, "GIF", interlace=1), samples.pixels(PALETTE), SAME),
    "gif, first frame": (
        saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.transpose(0)]),
        np.dstack([samples.pixels(PALETTE), np.full_like(GRAY, 255)]),  # the second has transparent places
        SAME,
    ),
    # BMP
    "bmp": (saved(pil(BGR), "BMP"), BGR, SAME),
    "bmp, gray": (saved(pil(GRAY), "BMP"), GRAY, SAME),
    "bmp, palette": (saved(PALETTE, "BMP"), samples.pixels(PALETTE), SAME),
    "bmp, alpha": (cv2.imencode(".bmp", BGRA)[1].tobytes(), BGRA, SAME),
    # JPEG 2000
    "jp2": (saved(pil(BGR), "JPEG2000"), BGR, SAME),
    "jp2, alpha": (saved(pil(BGRA), "JPEG2000"), BGRA, SAME),
    "jp2, 16 bits": (saved(samples.Image.fromarray(deep(GRAY)), "JPEG2000"), deep(GRAY), SAME),
    "jp2, codestream": (saved(pil(BGR), "JPEG2000", no_jp2=True), BGR, SAME),
    # HEIC
    "heic": (saved(pil(BGR), "HEIF", quality=100, chroma=444), BGR, 0.06),
    "heic, gray": (saved(pil(GRAY), "HEIF", quality=100), GRAY, ALMOST),
    "heic, alpha": (saved(pil(BGRA), "HEIF", quality=100, chroma=444), BGRA, 0.06),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_file_becomes_its_pixels(name):
    file, expected, tolerance = GOLDEN[name]
    said = read_header(file)
    image = decode(file, said)
    assert difference(image, expected) <= tolerance
    assert said.format == name.split(",")[0].removeprefix("a" if name == "apng" else "")
    assert (said.width, said.height) == (image.shape[1], image.shape[0])
    assert said.bits == 8 * image.itemsize
    exact = said.format not in ("gif", "bmp")  # their headers only give an upper bound
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


def with_header(file):
    return file, read_header(file)


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


# --- what is refused ----


WEBP_OF_SIZE = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (59_999).to_bytes(3, "little") * 2
NO_ROWS = (b"IDAT", zlib.compress(b""))
REFUSED = {
    "float tiff": (saved(pil(GRAY).convert("F"), "TIFF"), "The TIFF file has float samples; only integers of up to 16"),
    "signed tiff": (vips(BGR).cast("short").tiffsave_buffer(), "The TIFF file has short samples"),
    "uint32 tiff": (vips(BGR).cast("uint").tiffsave_buffer(), "The TIFF file has uint samples"),
    "five bands": (vips(BGR).bandjoin([1, 2]).tiffsave_buffer(), "The TIFF file has 5 samples per pixel; at most 4"),
    "gray and alpha jp2": (saved(pil(GRAY_ALPHA), "JPEG2000"), "The JP2 file has 2 samples per pixel"),
    "wide png": (
        samples.png(samples.ihdr(65_536, 1), NO_ROWS),
        "The image is 65536 x 1 pixels; a side may have at most 65535.",
    ),
    "png of no width": (samples.png(samples.ihdr(0, 1), NO_ROWS), "The PNG file is damaged or cut short."),
    "gif of no size": (b"GIF89a" + bytes(20), "The GIF file claims a size of 0 x 0 pixels."),
    "hollow png": (samples.png(samples.ihdr(60_000, 60_000), NO_ROWS), "The PNG file is damaged or cut short."),
    "large webp": (WEBP_OF_SIZE, "The image has more than 512 megapixels."),
    "text": (b"Dear diary, today was fine.", "The file is not an image of a known format."),
    "empty": (b"", "The file is empty."),
    "mp4": (samples.box(b"ftyp", b"isom\0\0\0\0isommp42"), "The file is not an image of a known format."),
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


def test_heic_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"^HEIC files need an extra library: pip install 'filterfleet\[heic\]'\.$"):
        read_header(GOLDEN["heic"][0])


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


# --- names and magic ----


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
