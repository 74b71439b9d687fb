"""The tone curve of a colour profile, for gray made from its colours."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.formats.icc import gray_profile, sampled
from filterfleet.worker.pixels.vips import pyvips

_POINTS = 1024  # of a curve: straight lines between them stay within 0.1 of L* for any gamma up to 2.6

# Gray without a profile is shown by sRGB's curve. A tone curve that is nowhere further from it than this, in L*, is
# left out: nobody sees the difference, and a profile takes 2 KB of each file. A larger value loses tone; a smaller one
# adds a profile to gray from cameras whose curves are almost sRGB's.
_UNSEEN = 0.5

# Bytes of a profile whose tone curve is remembered. A larger value lets hostile profiles occupy memory; a smaller one
# computes the curves of printers' profiles again for each image.
_SMALL = 1 << 20


def gray_of(icc: bytes) -> bytes | None:
    """The profile of gray values that were computed from RGB under this profile: what R = G = B looked like. None if
    that is what gray without a profile looks like, or if the profile is unusable.
    """
    return _known(icc) if len(icc) <= _SMALL else _made(icc)


def _made(icc: bytes) -> bytes | None:
    ramp = np.linspace(0, 65535, _POINTS).round().astype(np.uint16)
    colours = np.repeat(ramp, 3).tobytes()
    image = pyvips.Image.new_from_memory(colours, _POINTS, 1, 3, "ushort").copy(interpretation="rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    try:
        lab = image.icc_import(embedded=True, intent="relative", pcs="lab").numpy()
    except pyvips.Error:
        return None
    lightness = lab[0, :, 0].astype(np.float64)
    if np.abs(lightness - _lightness(_srgb(ramp / 65535))).max() <= _UNSEEN:
        return None
    return gray_profile(sampled(_luminance(lightness)))


_known = functools.lru_cache(maxsize=16)(_made)  # 10 ms each, and the photographs of a folder share a few profiles


def _srgb(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """From encoded to linear (IEC 61966-2-1)."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _lightness(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """L* of CIE 1976."""
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)


def _luminance(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * 27 / 24389)
