"""Colour that a file states without a profile, and the profile that says the same.

The numbers of primaries and transfer functions are those of ITU-T H.273, which PNG (cICP), AVIF and HEIC (nclx) share.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.formats import icc
from filterfleet.worker.formats.icc import Chromaticity
from filterfleet.worker.formats.ifd import Directories, Entry

D65, _C = (0.3127, 0.3290), (0.310, 0.316)
BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_PRIMARIES: dict[int, tuple[Chromaticity, tuple[Chromaticity, ...]]] = {
    1: (D65, BT709),
    4: (_C, ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08))),
    5: (D65, ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06))),
    6: (D65, ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    7: (D65, ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    8: (_C, ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049))),
    9: (D65, ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    11: ((0.314, 0.351), ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    12: (D65, ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    22: (D65, ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077))),
}
_SRGB_CURVE = icc.parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE = icc.parametric(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_PQ, _HLG = 16, 18
_CURVES = {
    1: _BT709_CURVE,
    4: icc.gamma(2.2),
    5: icc.gamma(2.8),
    6: _BT709_CURVE,
    8: icc.gamma(1.0),
    13: _SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_POINTS = 4096  # of a sampled curve: PQ is steep, and straight lines between fewer points show in the darks
_PAPER = 203.0  # cd/m2 of diffuse white in HDR (ITU-R BT.2408)
_PEAK = 1000.0  # cd/m2: brighter light than this becomes white


@dataclass(frozen=True, slots=True)
class Colour:
    """White and primaries (R, G, B), a curve as a tag of a profile, and for HDR the numbers that H.273 gives the
    primaries and the transfer function.
    """

    white: Chromaticity
    primaries: tuple[Chromaticity, ...]
    curve: bytes
    cicp: tuple[int, int] | None = None

    def profile(self) -> bytes | None:
        """A colour profile that says the same; None if the numbers describe no colours."""
        return _profile_of(self)


SRGB = Colour(D65, BT709, _SRGB_CURVE)
ADOBE_RGB = Colour(D65, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), icc.gamma(563 / 256))


@functools.lru_cache(maxsize=16)
def _profile_of(colour: Colour) -> bytes | None:
    try:
        return icc.colour_profile(colour.white, colour.primaries, [colour.curve] * 3, colour.cicp)
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error):
        return None


def from_code_points(primaries: int, transfer: int) -> Colour | None:
    """The colour of these numbers; None for numbers that are unspecified or unknown."""
    if primaries not in _PRIMARIES:
        return None
    white, places = _PRIMARIES[primaries]
    if transfer in (_PQ, _HLG):
        return Colour(white, places, _hdr_curve(transfer), (primaries, transfer))
    return Colour(white, places, _CURVES[transfer]) if transfer in _CURVES else None


def from_png(chunks: dict[bytes, bytes]) -> Colour | None:
    """The colour that cICP, sRGB, or gAMA and cHRM state, in that order (PNG, third edition, 4.3). A gAMA or cHRM that
    stands alone is completed by sRGB's other half. None if they state nothing.
    """
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4 and (found := from_code_points(cicp[0], cicp[1])):
        return found
    if b"sRGB" in chunks:
        return SRGB
    white = D65
    primaries: tuple[Chromaticity, ...] = BT709
    curve = _SRGB_CURVE
    known = False
    if len(gama := chunks.get(b"gAMA", b"")) == 4 and 10_000 <= (value := int.from_bytes(gama, "big")) <= 1_000_000:
        curve, known = icc.gamma(100_000 / value), True
    if len(chrm := chunks.get(b"cHRM", b"")) == 32:
        x_white, y_white, *rest = (value / 100_000 for value in struct.unpack(">8I", chrm))
        white, primaries, known = (x_white, y_white), tuple(zip(rest[::2], rest[1::2], strict=True)), True
    return Colour(white, primaries, curve) if known else None


def from_exif(exif: bytes | None) -> Colour | None:
    """Adobe RGB, if the EXIF says "uncalibrated" and the interoperability index R03 (DCF 2.0); otherwise None."""
    if exif is None:
        return None
    directories = Directories(exif)
    main = directories.entries(directories.first)
    photo = directories.entries(_number(main, 0x8769))
    names = directories.entries(_number(photo, 0xA005))
    index = names.get(0x0001)
    uncalibrated = _number(photo, 0xA001) == 0xFFFF
    return ADOBE_RGB if uncalibrated and index is not None and index.value.startswith(b"R03") else None


def _number(entries: dict[int, Entry], tag: int) -> int | None:
    return entries[tag].number if tag in entries else None


@functools.cache
def _hdr_curve(transfer: int) -> bytes:
    """From signal to light for readers that do not know HDR: diffuse white becomes a light gray, and what is up to
    five times as bright is compressed into the rest (Reinhard et al. 2002, equation 4).
    """
    signal = np.linspace(0, 1, _POINTS)
    light = (_pq(signal) if transfer == _PQ else _hlg(signal)) / _PAPER
    return icc.sampled(light * (1 + light / (_PEAK / _PAPER) ** 2) / (1 + light))


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 of a PQ signal (SMPTE ST 2084)."""
    power = signal ** (32 / 2523)
    return 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 of an HLG signal on a display of _PEAK cd/m2 (ITU-R BT.2100), whose system gamma is 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return _PEAK * scene**1.2
