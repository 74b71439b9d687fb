"""Small colour profiles (ICC.1:2022, version 4.4): primaries and a tone curve for colour, a tone curve for gray.

The same arguments give the same bytes: the date in a profile is a constant, and its profile ID is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Chromaticity = tuple[float, float]  # CIE 1931 x and y

D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of the white of profiles (7.2.16)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # annex E


def gamma(exponent: float) -> bytes:
    """The curve Y = X ** exponent, as a tag. exponent is below 32,768."""
    return b"para\0\0\0\0\0\0\0\0" + _fixed(exponent)


def parametric(exponent: float, a: float, b: float, c: float, d: float) -> bytes:
    """The curve Y = (a X + b) ** exponent from X = d on, and Y = c X below, as a tag."""
    return b"para\0\0\0\0\0\3\0\0" + _fixed(exponent, a, b, c, d)


def sampled(levels: NDArray[np.float64]) -> bytes:
    """The curve through these values of Y (0 to 1), at even distances from X = 0 to X = 1, as a tag."""
    values = np.rint(np.clip(levels, 0, 1) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + values.tobytes()


def colour_profile(
    white: Chromaticity,
    primaries: Sequence[Chromaticity],
    curves: Sequence[bytes],
    cicp: tuple[int, int] | None = None,
) -> bytes:
    """The profile of RGB with three primaries and a curve (a tag) for each of them. cicp holds the numbers of the
    primaries and of the transfer function (ITU-T H.273), which readers of HDR prefer to the curve.

    Raises numpy.linalg.LinAlgError if the primaries lie on a line.
    """
    adapted, adaptation = rgb_to_xyz(white, primaries)
    tags = [(b"wtpt", _xyz(D50)), (b"chad", b"sf32\0\0\0\0" + _fixed(*adaptation.flat))]
    tags += [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)]
    tags += list(zip((b"rTRC", b"gTRC", b"bTRC"), curves, strict=True))
    if cicp is not None:
        tags.append((b"cicp", b"cicp\0\0\0\0" + bytes([*cicp, 0, 1])))
    return _profile(b"RGB ", "RGB", tags)


def gray_profile(curve: bytes) -> bytes:
    """The profile of gray with this curve, a tag."""
    return _profile(b"GRAY", "Gray", [(b"wtpt", _xyz(D50)), (b"kTRC", curve)])


def rgb_to_xyz(white: Chromaticity, primaries: Sequence[Chromaticity]) -> tuple[Matrix, Matrix]:
    """The matrix from linear RGB to XYZ under D50, and the one from XYZ under the white to XYZ under D50."""
    columns = np.array([xyz_of(x, y) for x, y in primaries]).T
    source = xyz_of(*white)
    adaptation = adaptation_from(source)
    return adaptation @ (columns * np.linalg.solve(columns, source)), adaptation


def adaptation_from(white: NDArray[np.float64]) -> Matrix:
    """The matrix from XYZ under a white to XYZ under D50."""
    cones = (_BRADFORD @ D50) / (_BRADFORD @ white)
    adaptation: Matrix = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return adaptation


def xyz_of(x: float, y: float) -> NDArray[np.float64]:
    """XYZ with Y = 1. Raises ZeroDivisionError."""
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _profile(space: bytes, name: str, tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Header, table of tags, and tags; equal tags are stored once (7.2 and 7.3)."""
    tags = [(b"desc", _text(name)), (b"cprt", _text("CC0")), *tags]
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for signature, tag in tags:
        if tag not in places:
            places[tag] = start + len(data)
            data += tag + bytes(-len(tag) % 4)
        table += struct.pack(">4sII", signature, places[tag], len(tag))
    header = struct.pack(
        ">I4sI4s4s4s6H4s28s12s48s",
        start + len(data),
        b"",
        0x04400000,
        b"mntr",
        space,
        b"XYZ ",
        *(2000, 1, 1, 0, 0, 0),
        b"acsp",
        b"",
        _fixed(*D50),
        b"",
    )
    return header + table + data


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _fixed(*values: float) -> bytes:
    """s15Fixed16Number. Raises struct.error for values beyond 32,767."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
