"""CIELAB in TIFF (TIFF 6.0, section 23; Adobe's TIFF Technical Notes for ICCLAB; ITU-T T.42 for ITULAB) to sRGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.formats import icc, tiff
from filterfleet.worker.formats.colour import BT709, D65
from filterfleet.worker.formats.tiff import Page

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
    lab = colours.linear(list(step), list(zero)).copy(interpretation="lab")
    white = _white(page, kind)
    xyz = lab.Lab2XYZ(temp=list(100 * white))
    to_linear = np.linalg.inv(icc.rgb_to_xyz(D65, BT709)[0]) @ icc.adaptation_from(white) / 100
    linear = xyz.recomb(to_linear.tolist()).copy(interpretation="scrgb")
    rgb = linear.colourspace("rgb16" if deep else "srgb")
    return rgb.bandjoin(stored[3]) if stored.bands > 3 else rgb


def _white(page: Page, kind: int) -> NDArray[np.float64]:
    """XYZ of the white, with Y = 1."""
    found = page.directory.values(tiff.WHITE, ())
    if kind != tiff.CIELAB or len(found) != 4 or not all(found):
        return icc.D50
    x, y = found[0] / found[1], found[2] / found[3]
    return icc.xyz_of(x, y) if 0.2 < x < 0.6 and 0.2 < y < 0.6 and x + y < 1 else icc.D50
