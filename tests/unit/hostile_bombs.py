"""Image files that promise more than anybody can hold, or contradict themselves."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.unit import samples
from tests.unit.samples import BGR, GRAY, ihdr, pil, png, saved, tiff

Files = Iterator[tuple[str, bytes]]

HUGE = (0, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)


def rows(width: int, height: int, samples_a_pixel: int = 3) -> tuple[bytes, bytes]:
    return b"IDAT", zlib.compress(bytes((1 + width * samples_a_pixel) * height), 1)


def pngs() -> Files:
    few = rows(10, 10)
    for side in HUGE:
        yield f"png {side} wide", png(ihdr(side, 1), few)
        yield f"png {side} high", png(ihdr(1, side), few)
        yield f"png {side} square", png(ihdr(side, side), few)
        yield f"interlaced png {side} square", png(ihdr(side, side, interlaced=1), few)
    yield "png of gigapixels in strips", png(ihdr(30_000, 30_000), rows(30_000, 50))
    # This file is long enough for the size that it claims, so that its header passes, and yet it ends early.
    yield "png of 144 megapixels in strips", png(ihdr(12_000, 12_000), rows(12_000, 400))
    yield "png bomb", png(ihdr(6000, 6000, colour=0), rows(6000, 6000, 1))
    yield "png with far too many rows", png(ihdr(10, 10), rows(2000, 2000))
    for kind, start in ((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")):
        yield f"png with a bomb in {kind!r}", png(ihdr(10, 10), (kind, start + zlib.compress(bytes(16 << 20), 9)), few)
    yield "png with 20,000 texts", png(ihdr(10, 10), *[(b"tEXt", b"a%d\0b" % n) for n in range(20_000)], few)
    yield "png without pixels", png(ihdr(10, 10))
    yield "png that ends first", png()
    yield "png with two headers", png(ihdr(10, 10), ihdr(9000, 9000), few)
    yield "png without palette", png(ihdr(10, 10, colour=3), few)
    yield "png with 300 colours", png(ihdr(10, 10, colour=3), (b"PLTE", bytes(900)), few)
    yield (
        "png with transparency of 300 colours",
        png(ihdr(10, 10, colour=3), (b"PLTE", bytes(9)), (b"tRNS", bytes(300)), few),
    )
    yield "png with a chunk of two gigabytes", png(ihdr(10, 10))[:-12] + struct.pack(">I4s", 2**31 - 1, b"IDAT")
    yield "apng with four billion frames", png(ihdr(10, 10), (b"acTL", struct.pack(">II", 2**32 - 1, 0)), few)
    for depth, colour in ((3, 2), (0, 0), (32, 2), (8, 5), (16, 3), (8, 255)):
        yield f"png with depth {depth} and colour {colour}", png(ihdr(10, 10, depth, colour), few)
    for number, exif in enumerate(exifs()):
        yield f"png with exif {number}", png(ihdr(10, 10), (b"eXIf", exif), few)


def exifs() -> Iterator[bytes]:
    loop = b"MM\0*\0\0\0\x08" + struct.pack(">HHHII I", 1, 0x8769, 4, 1, 8, 8)
    yield loop
    for offset in (0, 7, 4096, 2**31, 2**32 - 1):
        yield b"II*\0" + struct.pack("<I", offset) + bytes(40)
    far = b"MM\0*\0\0\0\x08" + struct.pack(">HHHII I", 1, 0x8825, 4, 1, 2**32 - 1, 0)
    yield far
    yield b"MM\0*\0\0\0\x08" + struct.pack(">HHHII I", 1, 0x010F, 12, 2**32 - 1, 8, 0)
    yield b"MM\0*\0\0\0\x08" + b"\xff" * 2000


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpegs() -> Files:
    plain = saved(pil(BGR), "JPEG")
    size = plain.index(b"\xff\xc0") + 5
    for width, height in ((65_535, 65_535), (0, 10), (10, 0), (65_535, 1), (1, 65_535), (30_000, 30_000)):
        yield f"jpeg {width} x {height}", plain[:size] + struct.pack(">HH", height, width) + plain[size + 4 :]
    for marker in (0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB):
        yield f"jpeg of SOF {marker:x}", plain.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)
    for precision in (0, 2, 12, 16, 255):
        yield f"jpeg of {precision} bits", plain[: size - 1] + bytes([precision]) + plain[size:]
    for components in (0, 2, 5, 255):
        yield f"jpeg of {components} components", plain[: size + 4] + bytes([components]) + plain[size + 5 :]
    progressive = saved(pil(samples.picture(300, 400)), "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    yield "jpeg of 3000 scans", progressive[:-2] + progressive[last:-2] * 3000 + b"\xff\xd9"
    wide = progressive.index(b"\xff\xc2") + 5
    tall = progressive[:wide] + struct.pack(">HH", 4000, 4000) + progressive[wide + 4 :]
    yield "large jpeg of 90 scans", tall[:-2] + tall[last:-2] * 80 + b"\xff\xd9"
    for number, total in ((1, 255), (0, 1), (2, 1), (255, 255), (1, 0)):
        parts = segment(0xE2, b"ICC_PROFILE\0" + bytes((number, total)) + samples.profile())
        yield f"jpeg with part {number} of {total} of a profile", plain[:2] + parts + plain[2:]
    yield "jpeg with 40,000 segments", plain[:2] + segment(0xE5, b"x") * 40_000 + plain[2:]
    yield "jpeg in a megabyte of filling", plain[:2] + b"\xff" * (1 << 20) + plain[2:]
    yield "jpeg with a segment that does not end", plain[:2] + b"\xff\xe1\xff\xff"
    yield "jpeg with a segment of no length", plain[:2] + b"\xff\xe1\0\0" + plain[2:]
    yield "jpeg without scans", plain[: plain.index(b"\xff\xda")] + b"\xff\xd9"
    yield "jpeg without tables", plain.replace(b"\xff\xc4", b"\xff\xe6")
    yield "jpeg with restarts everywhere", plain.replace(b"\xff\xda", segment(0xDD, b"\0\1") + b"\xff\xda", 1)
    for number, exif in enumerate(exifs()):
        yield f"jpeg with exif {number}", samples.jpeg_with(plain, 0xE1, b"Exif\0\0" + exif)


def gifs() -> Files:
    def gif(width: int, height: int, *blocks: bytes) -> bytes:
        return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + b"".join(blocks) + b";"

    def frame(left: int, top: int, width: int, height: int, code: int = 2) -> bytes:
        return b"," + struct.pack("<HHHHBB", left, top, width, height, 0, code) + b"\x02\x4c\x01\0"

    yield "gif bomb of 35 bytes", gif(65_535, 65_535, frame(0, 0, 65_535, 65_535))
    yield "gif with a frame beyond its screen", gif(1, 1, frame(60_000, 60_000, 65_535, 65_535))
    yield "gif with a frame larger than its screen", gif(1, 1, frame(0, 0, 65_535, 65_535))
    yield "gif of no size", gif(0, 0, frame(0, 0, 10, 10))
    yield "gif with a frame of no size", gif(10, 10, frame(0, 0, 0, 0))
    yield "gif without frames", gif(10, 10)
    for code in (0, 1, 9, 12, 13, 255):
        yield f"gif with codes of {code} bits", gif(10, 10, frame(0, 0, 10, 10, code))
    yield "gif with 20,000 frames", gif(500, 500, frame(0, 0, 1, 1) * 20_000)
    yield "gif with comments only", gif(10, 10, (b"!\xfe\xff" + bytes(255) + b"\0") * 1000)
    yield "gif that does not end", gif(10, 10)[:-1] + b"!\xff\x0bNETSCAPE2.0\x03\1\0\0"


def bmps() -> Files:
    def bmp(width: int, height: int, bits: int = 24, size: int = 40, compression: int = 0, colours: int = 0) -> bytes:
        head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
        return b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + head + bytes(200)

    for width, height in (
        (65_535, 65_535),
        (65_536, 1),
        (-5, 5),
        (0, 5),
        (5, 0),
        (5, -(2**31)),
        (2**31 - 1, 2**31 - 1),
    ):
        yield f"bmp {width} x {height}", bmp(width, height)
    for bits in (0, 1, 2, 7, 16, 33, 65_535):
        yield f"bmp of {bits} bits", bmp(10, 10, bits)
    for size in (0, 4, 12, 13, 64, 108, 124, 2**32 - 1):
        yield f"bmp with a header of {size} bytes", bmp(10, 10, size=size)
    for compression in (1, 2, 3, 4, 5, 99):
        yield f"bmp of compression {compression}", bmp(4000, 4000, 8, compression=compression, colours=2**32 - 1)


def webps() -> Files:
    def webp(*chunks: tuple[bytes, bytes]) -> bytes:
        body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body

    def canvas(side: int, flags: int = 0) -> tuple[bytes, bytes]:
        return b"VP8X", bytes([flags, 0, 0, 0]) + (side - 1).to_bytes(3, "little") * 2

    plain = saved(pil(BGR), "WEBP")
    pixels = (b"VP8 ", plain[20:])
    for side in (1, 16_383, 16_384, 65_535, 65_536, 2**24):
        yield f"webp canvas of {side} with a small image", webp(canvas(side), pixels)
        yield f"webp canvas of {side} with nothing", webp(canvas(side))
        yield f"animated webp of {side} without frames", webp(canvas(side, 2), (b"ANIM", bytes(6)))
    yield "webp bomb", webp((b"VP8L", struct.pack("<BI", 0x2F, 0x0FFFFFFF) + bytes(20)))
    yield "webp of no size", webp((b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + bytes(4)))
    yield "webp in no container", plain[:4] + bytes(4) + plain[8:]
    yield "webp with a profile of four gigabytes", plain[:12] + b"ICCP\xff\xff\xff\xff" + plain[12:]
    yield "webp of 30,000 chunks", webp(canvas(40), *[(b"JUNK", b"")] * 30_000, pixels)
    yield "webp whose canvas comes last", webp(pixels, canvas(9))


def tiffs() -> Files:
    usual = {256: (4, 1, 40), 257: (4, 1, 30), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 122)}
    usual |= {277: (3, 1, 1), 278: (4, 1, 30), 279: (4, 1, 1200)}
    pixels = GRAY.tobytes()
    yield "tiff", tiff(usual, pixels)
    odd = {
        "width": (256, (4, 1, 0), (4, 1, 2**31 - 1), (4, 1, 2**32 - 1), (4, 1, 65_536), (4, 1, 60_000)),
        "height": (257, (4, 1, 0), (4, 1, 2**31 - 1), (4, 1, 2**32 - 1), (4, 1, 60_000), (2, 4, 0)),
        "bits": (258, (3, 1, 0), (3, 1, 3), (3, 1, 64), (3, 1, 65_535), (3, 1000, 8)),
        "compression": (259, (3, 1, 2), (3, 1, 5), (3, 1, 6), (3, 1, 7), (3, 1, 8), (3, 1, 34_661), (3, 1, 65_535)),
        "photometric": (262, (3, 1, 2), (3, 1, 3), (3, 1, 5), (3, 1, 6), (3, 1, 8), (3, 1, 65_535)),
        "offset": (273, (4, 1, 0), (4, 1, 2**32 - 1), (4, 2**31, 8), (4, 1, 1300)),
        "samples": (277, (3, 1, 0), (3, 1, 4), (3, 1, 65_535)),
        "rows a strip": (278, (4, 1, 0), (4, 1, 1), (4, 1, 2**32 - 1)),
        "bytes of a strip": (279, (4, 1, 0), (4, 1, 2**32 - 1), (4, 2**30, 8)),
        "layout": (284, (3, 1, 2), (3, 1, 9)),
        "tile": (322, (4, 1, 0), (4, 1, 16), (4, 1, 2**31)),
        "palette": (320, (3, 768, 0), (3, 768, 2**32 - 1)),
        "orientation": (274, (3, 1, 0), (3, 1, 8), (3, 1, 65_535)),
        "profile": (34_675, (7, 2**31, 8), (7, 100, 8)),
        "samples' kind": (339, (3, 1, 2), (3, 1, 3), (3, 1, 5)),
        "sub-directory": (330, (4, 1, 8), (4, 1, 2**32 - 1)),
    }
    for name, (tag, *values) in odd.items():
        for number, value in enumerate(values):
            yield f"tiff with odd {name} {number}", tiff(usual | {tag: value}, pixels)
    yield (
        "tiff of gigapixels without pixels",
        tiff(usual | {256: (4, 1, 60_000), 257: (4, 1, 60_000), 278: (4, 1, 60_000)}),
    )
    tiles = {322: (4, 1, 65_520), 323: (4, 1, 65_520), 324: (4, 1, 8), 325: (4, 1, 100)}
    yield "tiff with one tile of gigapixels", tiff(usual | tiles, pixels)
    many = {256: (4, 1, 60_000), 257: (4, 1, 60_000), 322: (4, 1, 16), 323: (4, 1, 16), 324: (4, 14_062_500, 8)}
    yield "tiff with fourteen million tiles", tiff(usual | many | {325: (4, 14_062_500, 8)}, pixels)
    chain = bytearray(tiff(usual, pixels))
    chain[8 + 2 + 12 * len(usual) :][:4] = b"\x08\0\0\0"
    chain[118:122] = struct.pack("<I", 8)
    yield "tiff whose directories go in a circle", bytes(chain)
    for offset in (0, 4, 2**31, 2**32 - 1):
        yield f"tiff with its directory at {offset}", b"II*\0" + struct.pack("<I", offset) + bytes(100)
    yield "tiff of 65,535 tags", b"II*\0\x08\0\0\0\xff\xff" + bytes(3000)
    yield "BigTIFF of endless tags", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(1000)
    yield "BigTIFF with its directory in the next galaxy", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + bytes(100)


def jp2s() -> Files:
    plain = saved(pil(BGR), "JPEG2000")
    at = plain.index(b"\xff\x51")
    for side in HUGE:
        yield f"jp2 {side} square", plain[: at + 6] + struct.pack(">II", side, side) + plain[at + 14 :]
    for tile in (0, 1, 2**32 - 1):
        yield f"jp2 with tiles of {tile}", plain[: at + 22] + struct.pack(">II", tile, tile) + plain[at + 30 :]
    huge = struct.pack(">IIIIII", 60_000, 60_000, 0, 0, 1, 1)
    yield "jp2 of billions of tiles", plain[: at + 6] + huge + plain[at + 30 :]
    for components in (0, 2, 5, 16_384, 65_535):
        yield f"jp2 of {components} components", plain[: at + 38] + struct.pack(">H", components) + plain[at + 40 :]
    for depth in (0, 11, 37, 127, 255):
        yield f"jp2 of depth {depth}", plain[: at + 40] + bytes([depth]) + plain[at + 41 :]
    start = plain[:12]
    for length in (0, 1, 4, 7, 8, 2**31, 2**32 - 1):
        yield f"jp2 with a box of {length}", start + struct.pack(">I4s", length, b"jp2h") + bytes(60)
    yield "jp2 of boxes in boxes", start + b"".join(struct.pack(">I4s", 2**31, b"jp2h") for _ in range(20_000))
    yield "jp2 with a box of 16 exabytes", start + struct.pack(">I4sQ", 1, b"free", 2**64 - 1)


def heifs() -> Files:
    for name, plain in (("avif", saved(pil(BGR), "AVIF", speed=9)), ("heic", saved(pil(BGR), "HEIF"))):
        size = plain.index(b"ispe") + 8
        for side in HUGE:
            yield f"{name} {side} square", plain[:size] + struct.pack(">II", side, side) + plain[size + 8 :]
        for kind in (b"iloc", b"iinf", b"pitm", b"iprp", b"ipco", b"ipma", b"hdlr", b"mdat"):
            place = plain.index(kind)
            yield f"{name} without {kind!r}", plain.replace(kind, b"free", 1)
            for length in (0, 1, 4, 2**32 - 1):
                changed = plain[: place - 4] + struct.pack(">I", length) + plain[place:]
                yield f"{name} with {kind!r} of {length}", changed
            yield f"{name} with {kind!r} of ones", plain[: place + 4] + b"\xff" * 12 + plain[place + 16 :]
        head = plain[: int.from_bytes(plain[:4], "big")]
        yield f"{name} without boxes", head
        nested = b"".join(struct.pack(">I4sI", 2**24 - 20 * n, b"meta", 0) for n in range(5000))
        yield f"{name} of boxes in boxes", head + nested
        yield f"{name} with an endless box", head + struct.pack(">I4sQ", 1, b"meta", 2**64 - 1)


def bombs() -> Files:
    for kinds in (pngs, jpegs, gifs, bmps, webps, tiffs, jp2s, heifs):
        yield from kinds()
