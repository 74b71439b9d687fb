"""Files of every kind, and the pixels that an independent program sees in them."""

import struct

import numpy as np

from filterfleet.worker.formats import read_header
from filterfleet.worker.pixels.opencv import cv2
from tests.unit import samples
from tests.unit.photoshop_files import RGB, planes_of, psd
from tests.unit.raw_files import developed, dng, toned
from tests.unit.samples import BGR, BGRA, GRAY, GRAY_ALPHA, HEIGHT, WIDTH, deep, pil, saved, vips

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


def lab(image):
    """8 bits of L*a*b* by LittleCMS."""
    spaces = samples.ImageCms.createProfile("sRGB"), samples.ImageCms.createProfile("LAB")
    return samples.ImageCms.applyTransform(pil(image), samples.ImageCms.buildTransform(*spaces, "RGB", "LAB"))


def pnm(head, image, white):
    """Samples of 0 to white, scaled by the definition: white is the largest value of a sample."""
    full = 255 if white < 256 else 65535
    in_order = image[:, :, ::-1] if image.ndim == 3 else image
    if head[1:2] in b"56":
        body = in_order.astype(np.uint8 if full == 255 else ">u2").tobytes()
    else:
        body = b"\n".join(b"%d" % sample for sample in in_order.ravel())
    expected = np.floor(image.astype(float) * full / white + 0.5)
    return head + body, expected.astype(np.uint8 if full == 255 else np.uint16), SAME


ALMOST = 0.02  # of the range: the tolerance for lossy formats
SAME = 0.0


GOLDEN = {
    # JPEG
    "jpeg": (*jpeg_of(BGR), SAME),
    "jpeg, full chroma": (*jpeg_of(BGR, subsampling=0), SAME),
    "jpeg, progressive": (*jpeg_of(BGR, progressive=True), SAME),
    "jpeg, gray": (*jpeg_of(GRAY), SAME),
    "jpeg, restart markers": (*jpeg_of(BGR, restart_marker_rows=1), SAME),
    "jpeg, first picture of an MPO": (
        mpo := saved(pil(BGR), "MPO", quality=95, save_all=True, append_images=[pil(255 - BGR)]),
        samples.pixels(samples.opened(mpo)),
        SAME,
    ),
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
    "tiff, CIELAB": (saved(lab(BGR), "TIFF"), BGR, ALMOST),
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
    # PNM
    "pnm": (saved(pil(BGR), "PPM"), BGR, SAME),
    "pnm, gray": (saved(pil(GRAY), "PPM"), GRAY, SAME),
    "pnm, bits": (saved(BITS, "PPM"), samples.pixels(BITS), SAME),
    "pnm, 16 bits gray": (saved(samples.Image.fromarray(deep(GRAY)), "PPM"), deep(GRAY), SAME),
    "pnm, 16 bits": (b"P6 40 30 65535\n" + deep(BGR)[:, :, ::-1].astype(">u2").tobytes(), deep(BGR), SAME),
    "pnm, 15 is white": pnm(b"P5\n# a comment\n40 30\n15\n", GRAY // 16, 15),
    "pnm, 4095 is white": pnm(b"P5 40 30 4095\n", deep(GRAY) // 16, 4095),
    "pnm, 1 is white": pnm(b"P6\n40 30\n1\n", BGR // 128, 1),
    "pnm, text, 1 is white": pnm(b"P2\n40 30\n1\n", GRAY // 128, 1),
    "pnm, text": pnm(b"P3\n40 30\n255\n", BGR, 255),
    "pnm, gray text, 100 is white": pnm(b"P2\n40 30\n100\n", GRAY % 101, 100),
    "pnm, bits as text": (
        b"P1 40 30\n" + b"".join(b"%d" % (not bit) for bit in np.asarray(BITS).ravel()),
        samples.pixels(BITS),
        SAME,
    ),
    # RAW
    "raw": (dng((0.1, 0.25, 0.5)), developed((0.1, 0.25, 0.5)), 0.0003),
    "raw, white": (dng((1, 1, 1)), developed((1, 1, 1)), 0.0001),
    # ICO, PSD, TGA
    "ico": (saved(pil(BGRA), "ICO", sizes=[(WIDTH, HEIGHT)]), BGRA, SAME),
    "psd": (psd(planes_of(BGR), RGB, runs=True), BGR, SAME),
    "tga": (saved(pil(BGR), "TGA", compression="tga_rle"), BGR, SAME),
    # JPEG XL
    "jxl": (saved(pil(BGR), "JXL", lossless=True), BGR, SAME),
    "jxl, container": (saved(pil(BGR), "JXL", lossless=True, exif=samples.exif(6)), BGR, SAME),
    "jxl, gray": (saved(pil(GRAY), "JXL", lossless=True), GRAY, SAME),
    "jxl, alpha": (saved(pil(BGRA), "JXL", lossless=True), BGRA, SAME),
    "jxl, 16 bits of linear gray": (  # Pillow's plugin declares 16 bits to be linear
        saved(samples.Image.fromarray(deep(GRAY)), "JXL", lossless=True),
        toned(deep(GRAY) / 65535),
        0.0003,
    ),
    "jxl, lossy": (saved(pil(BGR), "JXL", quality=98), BGR, 0.06),
    # HEIC
    "heic": (saved(pil(BGR), "HEIF", quality=100, chroma=444), BGR, 0.06),
    "heic, gray": (saved(pil(GRAY), "HEIF", quality=100), GRAY, ALMOST),
    "heic, alpha": (saved(pil(BGRA), "HEIF", quality=100, chroma=444), BGRA, 0.06),
}


def with_header(file):
    return file, read_header(file)
