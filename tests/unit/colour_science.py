"""Colours by published numbers and formulas, and as LittleCMS (through Pillow) shows a file."""

from __future__ import annotations

import io

import numpy as np

from tests.unit.samples import Image, ImageCms, opened

# From linear RGB to XYZ under D50: Lindbloom, "RGB/XYZ Matrices" (Bradford-adapted), and CSS Color 4 for the last two.
MATRICES = {
    "srgb": [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]],
    "adobe": [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]],
    "p3": [[0.5151187, 0.2919778, 0.1571035], [0.2411892, 0.6922441, 0.0665668], [-0.0010505, 0.0418791, 0.7840713]],
    "2020": [[0.6734241, 0.1656411, 0.1251286], [0.2790177, 0.6753402, 0.0456377], [-0.0019300, 0.0299784, 0.7973330]],
}
D50 = np.array([0.96422, 1.0, 0.82521])


def srgb_curve(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def bt709_curve(v):
    return np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))


def gamma_curve(exponent):
    return lambda v: v**exponent


def lab_of(xyz):
    t = xyz / D50
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def stated(rgb, space, curve):
    """L*a*b* of samples (height, width, 3) of uint8 in a space of MATRICES with a tone curve."""
    return lab_of(curve(rgb / 255) @ np.array(MATRICES[space]).T)


def shown(file):
    """L*a*b* of a file as LittleCMS shows it, by the file's profile, or as sRGB if it has none."""
    image = opened(file)
    data = image.info.get("icc_profile")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data)) if data else ImageCms.createProfile("sRGB")
    if image.mode == "L" and not data:
        image = Image.merge("RGB", [image] * 3)
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("LAB"), image.mode, "LAB", renderingIntent=1)
    bands = [np.asarray(band).astype(int) for band in ImageCms.applyTransform(image, transform).split()]
    return np.stack([bands[0] / 2.55, *(band - 128.0 for band in bands[1:])], axis=-1)


def ciede2000(one, other):
    """Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(mean7 / (mean7 + 25**7)))
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    chroma_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = np.where(c1 * c2 == 0, h1 + h2, np.where(abs(h1 - h2) <= 180, (h1 + h2) / 2, ((h1 + h2 + 360) / 2) % 360))
    t = 1 - 0.17 * np.cos(np.radians(hue - 30)) + 0.24 * np.cos(np.radians(2 * hue))
    t += 0.32 * np.cos(np.radians(3 * hue + 6)) - 0.20 * np.cos(np.radians(4 * hue - 63))
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7))
    rotation *= np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    l, c, h = (l2 - l1) / s_l, (c2 - c1) / s_c, chroma_hue / s_h  # noqa: E741 - as in the paper
    return np.sqrt(l**2 + c**2 + h**2 + rotation * c * h)
