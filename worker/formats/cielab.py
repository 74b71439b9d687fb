"""CIELAB in TIFF (TIFF 6.0, section 23; Adobe's TIFF Technical Notes for ICCLAB; ITU-T T.42 for ITULAB) to sRGB."""

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
    # CIE 15: f of X, Y and Z is linear in the samples. libvips' own functions are less exact in dark colours.
    to_f = np.array([[1 / 116, 1 / 500, 0], [1 / 116, 0, 0], [1 / 116, 0, -1 / 200]])
    offset = to_f @ np.array(zero) + 16 / 116
    f = colours.recomb((to_f * np.array(step)).tolist()).linear([1, 1, 1], offset.tolist())
    relative = (f > 6 / 29).ifthenelse(f * f * f, f.linear(116 * 27 / 24389, -16 * 27 / 24389))
    to_linear = np.linalg.inv(icc.rgb_to_xyz(D65, BT709)[0]) @ icc.adaptation_from(white := _white(page, kind))
    linear = relative.recomb((to_linear * white * 65535).tolist()).linear(1, 0.5).cast("ushort")
    rgb = linear.maplut(_curve(deep=deep)).copy(interpretation="rgb16" if deep else "srgb")
    return rgb.bandjoin(stored[3]) if stored.bands > 3 else rgb


@functools.cache
def _curve(*, deep: bool) -> Any:
    """The curve of IEC 61966-2-1, as a table for linear samples of 16 bits. A level of these is a twentieth of a level
    of 8 bits where the curve is steepest.
    """
    linear = np.arange(65536) / 65535
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels = np.rint(curved * (65535 if deep else 255)).astype(np.uint16 if deep else np.uint8)
    return pyvips.Image.new_from_array(levels[None])


def _white(page: Page, kind: int) -> NDArray[np.float64]:
    """XYZ of the white, with Y = 1."""
    found = page.directory.values(tiff.WHITE, ())
    if kind != tiff.CIELAB or len(found) != 4 or not all(found):
        return icc.D50
    x, y = found[0] / found[1], found[2] / found[3]
    return icc.xyz_of(x, y) if 0.2 < x < 0.6 and 0.2 < y < 0.6 and x + y < 1 else icc.D50
