"""A camera's raw file of one colour, put together by hand (DNG 1.4), and the picture that it is by the definitions."""

from __future__ import annotations

import struct

import numpy as np

from tests.unit.samples import HEIGHT, WIDTH, Pixels

WHITE = 4095  # the largest sample of the sensor
# XYZ of linear sRGB (IEC 61966-2-1). This camera sees linear sRGB, so its ColorMatrix1 is the inverse.
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def dng(bgr: tuple[float, float, float], orientation: int = 1) -> bytes:
    """A Bayer mosaic (RGGB, 12 bits in 16). bgr: linear, 0 to 1."""
    blue, green, red = (round(value * WHITE) for value in bgr)
    data = np.tile(np.array([[red, green], [green, blue]], "<u2"), (HEIGHT // 2, WIDTH // 2)).tobytes()
    matrix = _fractions(np.linalg.inv(XYZ).ravel())
    tags: list[tuple[int, int, int, bytes]] = [  # number, type, count, value
        (254, 4, 1, _int(0)),
        (256, 4, 1, _int(WIDTH)),
        (257, 4, 1, _int(HEIGHT)),
        (258, 3, 1, _int(16)),
        (259, 3, 1, _int(1)),
        (262, 3, 1, _int(32803)),
        (271, 2, 5, b"Test\0"),
        (273, 4, 1, b""),
        (274, 3, 1, _int(orientation)),
        (277, 3, 1, _int(1)),
        (278, 4, 1, _int(HEIGHT)),
        (279, 4, 1, _int(len(data))),
        (33421, 3, 2, struct.pack("<2H", 2, 2)),
        (33422, 1, 4, bytes((0, 1, 1, 2))),
        (50706, 1, 4, bytes((1, 4, 0, 0))),  # DNGVersion
        (50708, 2, 9, b"Test One\0"),
        (50717, 3, 1, _int(WHITE)),
        (50721, 10, 9, matrix),
        (50728, 5, 3, _fractions((1, 1, 1))),  # AsShotNeutral
        (50778, 3, 1, _int(21)),  # CalibrationIlluminant1: D65
    ]
    at = 8 + 2 + 12 * len(tags) + 4
    entries, far = b"", b""
    size = sum(len(value) + len(value) % 2 for *_, value in tags if len(value) > 4)
    for number, kind, count, value in tags:
        if number == 273:
            value = _int(at + size)  # the samples come last
        if len(value) > 4:
            far += value + b"\0" * (len(value) % 2)
            value = _int(at + len(far) - len(value) - len(value) % 2)
        entries += struct.pack("<HHI", number, kind, count) + value.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + far + data


def developed(bgr: tuple[float, float, float]) -> Pixels:
    """The picture, in 16 bits of sRGB."""
    return np.tile(toned(np.array(bgr)), (HEIGHT, WIDTH, 1))


def toned(linear: Pixels) -> Pixels:
    """In 16 bits, by sRGB's tone curve (IEC 61966-2-1). linear: 0 to 1."""
    curve = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.round(curve * 65535).astype(np.uint16)


def _int(value: int) -> bytes:
    return struct.pack("<I", value)


def _fractions(values: object) -> bytes:
    return b"".join(struct.pack("<2i", round(value * 10**6), 10**6) for value in np.asarray(values).tolist())
