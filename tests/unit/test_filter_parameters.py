"""Which values the parameters of filters take, and what they say about others."""

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from filterfleet.worker.filters import catalogue, picture
from filterfleet.worker.filters.parameters import Choice, Color, Integer, Kernel, Number, Picture, Text
from filterfleet.worker.pixels.opencv import cv2


def small_png(height, width, channels=4):
    noise = np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


def bomb(width, height):
    """A PNG of a few bytes whose header promises many."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    packed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


ODD_11 = tuple((1,) * 11 for _ in range(11))


@pytest.mark.parametrize(
    ("parameter", "right", "wrong"),
    [
        (Integer(3, 1, 7, odd=True), (1, 3, 7), (0, 2, 8, 3.0, True, "3", b"3")),
        (Number(1.0, 0.5, 2.0), (0.5, 1, 2.0), (0.49, 2.01, float("nan"), float("inf"), True, "1", b"1", (1,))),
        (Choice("a", ("a", "b")), ("a", "b"), ("c", "", 1, b"a", ("a",))),
        (Text(None, 5), ("a", "日本語", " a ", "a\u00a0b", "a\u202f:"),
            ("", "  ", "123456", "a\nb", "a\0", "a\u200db", "\u00a0", 5, b"a")),
        (Color(None), ("#000000", "#aBcDeF"),
            ("ffffff", "#fff", "#gggggg", "#", "#1234567", "#12345\uff16", 0, "#123456\n")),
        (
            Kernel(None, 11, 100.0),
            (((1,),), ((1, 2.5, -3),), ((1,), (2,), (3,)), ODD_11),
            (
                (), ((),), 3, (1, 2, 3), ((1, 2), (3, 4)), ((1, 2, 3), (1,), (1, 2, 3)),
                (*ODD_11, (1,) * 11, (1,) * 11),
                ((1,) * 13,), ((True,),), (("1",),), ((101,),), ((float("nan"),),), ((float("inf"),),), (((1,),),),
                "abc",
            ),
        ),
        (
            Picture(),
            (small_png(5, 5), small_png(5, 5, 3), small_png(1000, 1, 1)),
            (
                b"", b"\x89PNG", b"not a picture", small_png(5, 5)[:-30], small_png(9, 9)[:60], "text", 5,
                bomb(50_000, 50_000), bomb(10, 10), small_png(1001, 1000, 1), b"RIFF0000WEBPVP8 ",
                b"GIF89a" + bytes(50), small_png(5, 5) + bytes(1 << 18),
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "describe") else "",
)  # fmt: skip
def test_a_parameter_takes_what_it_describes(parameter, right, wrong):
    for value in right:
        assert parameter.check(value) is None
    for value in wrong:
        said = parameter.check(value)
        assert said
        assert said.startswith("takes ")
        assert len(said) < 250


@pytest.mark.parametrize(("mode", "level"), [("1", 0), ("1", 1), ("L", 100), ("I;16", 700)])
def test_a_gray_picture_may_call_one_level_transparent(mode, level):
    """As programs do that make files smaller."""
    levels = {"1": np.eye(6, 9, dtype=bool), "L": np.eye(6, 9, dtype=np.uint8) * 100}
    levels["I;16"] = np.eye(6, 9, dtype=np.uint16) * 700
    buffer = io.BytesIO()
    PIL.Image.fromarray(levels[mode]).save(buffer, "PNG", transparency=level)
    clear = levels[mode] == level
    assert np.array_equal(picture.decode(buffer.getvalue())[:, :, 3], np.where(clear, 0, 255))


def test_pictures_of_all_three_formats_are_taken():
    noise = np.random.default_rng(1).integers(0, 256, (8, 9, 3), np.uint8)
    for extension in (".png", ".jpg", ".webp"):
        assert Picture().check(cv2.imencode(extension, noise)[1].tobytes()) is None
    assert Picture().check(cv2.imencode(".png", noise.astype(np.uint16) * 257)[1].tobytes()) is None


@pytest.mark.parametrize("value", [b"secret " * 9000, "secret " * 9000, (("secret ",) * 9,) * 900, 10**5000], ids=type)
@pytest.mark.parametrize("found", catalogue(), ids=lambda found: found.name)
def test_a_wrong_value_is_never_printed_whole(found, value):
    for parameter in found.parameters.values():
        if said := parameter.check(value):
            assert len(said) < 300
            assert not isinstance(value, bytes) or "secret" not in said


@pytest.mark.parametrize("found", catalogue(), ids=lambda found: found.name)
def test_every_default_is_allowed(found):
    for parameter in found.parameters.values():
        assert parameter.default is None or parameter.check(parameter.default) is None
        assert parameter.describe()
