"""CIELAB to sRGB, as TIFF has it: TIFF 6.0, section 23; Adobe's TIFF Technical Notes for ICCLAB; ITU-T T.42 for
ITULAB.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.formats import icc, tiff
from filterfleet.worker.formats.colour import BT709, D65
from filterfleet.worker.formats.tiff import Page
from filterfleet.worker.pixels.vips import pyvips

# Of 8 bits: what L*, a* and b* are at 0, and how much each level adds. a* and b* of plain CIELAB are signed; they are
# raised to begin at 0, too.
_CODES = {
    tiff.CIELAB: ((0, -128, -128), (100 / 255, 1, 1)),
    tiff.ICCLAB: ((0, -128, -128), (100 / 255, 1, 1)),
    tiff.ITULAB: ((0, -85.333333, -75.294118), (100 / 255, 170 / 255, 200 / 255)),
}
_DEEP_CODES = {
    tiff.CIELAB: ((0, -128, -128), (100 / 65535, 1 / 256, 1 / 256)),
    tiff.ICCLAB: ((0, -128, -128), (100 / 65280, 1 / 256, 1 / 256)),
    tiff.ITULAB: ((0, -85.333333, -75.294118), (100 / 65535, 170 / 65535, 200 / 65535)),
}
# From L*, a* and b* to the f of X, Y and Z (CIE 15), less 16/116.
_TO_F = np.array([[1 / 116, 1 / 500, 0], [1 / 116, 0, 0], [1 / 116, 0, -1 / 200]])


def to_srgb(stored: Any, page: Page) -> Any:
    """A pyvips.Image of sRGB, with alpha if there is one, from one of the samples as they are stored. Colours that sRGB
    does not have are clipped.

    The white is the one that a plain CIELAB file names, or D50; it is adapted by Bradford's matrix.
    """
    deep = page.bits == 16
    kind = page.directory.value(tiff.PHOTOMETRIC, tiff.CIELAB)
    zero, step = (_DEEP_CODES if deep else _CODES)[kind]
    colours = stored.extract_band(0, n=3)
    if kind == tiff.CIELAB:
        colours = colours ^ [0, 1 << page.bits - 1, 1 << page.bits - 1]
    # libvips' own functions for CIELAB are less exact in dark colours.
    offset = _TO_F @ np.array(zero) + 16 / 116
    f = colours.recomb((_TO_F * np.array(step)).tolist()).linear([1, 1, 1], offset.tolist())
    relative = (f > 6 / 29).ifthenelse(f * f * f, f.linear(116 * 27 / 24389, -16 * 27 / 24389))
    to_linear = _to_linear(_white(page, kind)) * 65535
    linear = relative.recomb(to_linear.tolist()).linear(1, 0.5).cast("ushort")
    rgb = linear.maplut(_curve(deep=deep)).copy(interpretation="rgb16" if deep else "srgb")
    return rgb.bandjoin(stored[3]) if stored.bands > 3 else rgb


def rgb_of(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB from 0 to 1, clipped, of L*a*b* under D50, (height, width, 3)."""
    f = lab @ _TO_F.T + 16 / 116
    relative = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    linear = (relative @ _to_linear(icc.D50).T).clip(0, 1)
    return _curved(linear).astype(np.float32)


def _to_linear(white: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix from X, Y and Z, each as a part of the white's, to linear sRGB."""
    matrix: NDArray[np.float64] = np.linalg.inv(icc.rgb_to_xyz(D65, BT709)[0]) @ icc.adaptation_from(white) * white
    return matrix


def _curved(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@functools.cache
def _curve(*, deep: bool) -> Any:
    """The curve, as a table for linear samples of 16 bits. A level of these is a twentieth of a level of 8 bits where
    the curve is steepest.
    """
    levels = np.rint(_curved(np.arange(65536) / 65535) * (65535 if deep else 255))
    return pyvips.Image.new_from_array(levels.astype(np.uint16 if deep else np.uint8)[None])


def _white(page: Page, kind: int) -> NDArray[np.float64]:
    """XYZ of the white, with Y = 1."""
    found = page.directory.values(tiff.WHITE, ())
    if kind != tiff.CIELAB or len(found) != 4 or not all(found):
        return icc.D50
    x, y = found[0] / found[1], found[2] / found[3]
    return icc.xyz_of(x, y) if 0.2 < x < 0.6 and 0.2 < y < 0.6 and x + y < 1 else icc.D50
