"""Filters that convert colours from the profile of the file into another. What they write says which."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.filters.parameters import Boolean, Choice
from filterfleet.worker.filters.registry import register
from filterfleet.worker.pixels.channels import from_rgb_order, to_rgb_order
from filterfleet.worker.pixels.image import About, Image

_INTENTS = ("perceptual", "relative", "saturation", "absolute")
_SPACES = {"srgb": "srgb", "display-p3": "p3", "gray": ""}  # and libvips' names for the profiles
_INTENT = Choice("relative", _INTENTS)
_BLACK_POINT = Boolean(True)

# Pixels converted at once, which take some 60 bytes each. A larger value takes more memory; with a smaller one, libvips
# prepares the conversion more often.
_AT_ONCE = 1 << 18


def _srgb(**_values: Any) -> str:
    return "srgb"


def _chosen(profile: str, **_values: Any) -> str:
    return profile


@register(
    "to_srgb",
    merge=Rows(),
    work=4.0,
    informed=True,
    space=_srgb,
    intent=_INTENT,
    black_point=_BLACK_POINT,
)
def to_srgb(image: Image, intent: str, black_point: bool, about: About) -> Image:
    """Converts colours from the file's profile to sRGB, which every program shows alike.

    intent is what becomes of colours that sRGB lacks, as in ICC.1; with black_point, the darkest black stays the
    darkest. Pixels without a profile, or with a damaged one, are taken for sRGB, and stay as they are. Gray stays gray,
    with the tone curve of sRGB.

    Raises ImageError for a profile that cannot be used.
    """
    return _converted(image, "srgb", intent, about, black_point=black_point)


@register(
    "to_profile",
    merge=Rows(),
    work=4.0,
    informed=True,
    space=_chosen,
    profile=Choice("display-p3", tuple(_SPACES)),
    intent=_INTENT,
    black_point=_BLACK_POINT,
)
def to_profile(image: Image, profile: str, intent: str, black_point: bool, about: About) -> Image:
    """Converts colours from the file's profile to sRGB, Display P3 or gray, and gives the output that profile.

    intent and black_point are those of to_srgb. Gray has the lightness of the colours, and the tone curve of sRGB; so
    it looks more like them than the luma of grayscale does.

    Raises ImageError for a profile that cannot be used.
    """
    return _converted(image, profile, intent, about, black_point=black_point)


def _converted(image: Image, space: str, intent: str, about: About, *, black_point: bool) -> Image:
    if image.ndim == 2:
        if about.gray is None:
            return image
        return _by_rows(image, lambda rows: _lightness(rows, about.gray, intent, black_point=black_point))
    if space == "gray":
        return _by_rows(image, lambda rows: _lightness(rows, about.colour, intent, black_point=black_point))
    if about.colour is None and space == "srgb":
        return image
    return _by_rows(image, lambda rows: _between(rows, about.colour, space, intent, black_point=black_point))


def _by_rows(image: Image, convert: Any) -> Image:
    rows = max(1, _AT_ONCE // image.shape[1])
    first = convert(image[:rows])
    result = np.empty((len(image), *first.shape[1:]), first.dtype)
    result[:rows] = first
    for top in range(rows, len(image), rows):
        result[top : top + rows] = convert(image[top : top + rows])
    return result


def _lazy(rows: Image, profile: bytes | None) -> Any:
    from filterfleet.worker.pixels.vips import pyvips

    deep = rows.dtype == np.uint16
    samples = np.ascontiguousarray(to_rgb_order(rows))
    height, width = rows.shape[:2]
    bands = 1 if rows.ndim == 2 else rows.shape[2]
    image = pyvips.Image.new_from_memory(samples.data, width, height, bands, "ushort" if deep else "uchar")
    kind = ("grey16" if deep else "b-w") if bands == 1 else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=kind)
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _between(rows: Image, profile: bytes | None, space: str, intent: str, *, black_point: bool) -> Image:
    depth = 16 if rows.dtype == np.uint16 else 8
    given = {"embedded": True} if profile is not None else {"input_profile": "srgb"}
    image = _lazy(rows, profile)

    def convert() -> Any:
        made = image.icc_transform(
            _SPACES[space], intent=intent, depth=depth, black_point_compensation=black_point, **given
        )
        return made.numpy()

    return np.ascontiguousarray(from_rgb_order(_usable(convert)))


def _lightness(rows: Image, profile: bytes | None, intent: str, *, black_point: bool) -> Image:
    """Gray with the tone curve of sRGB."""
    given = {"embedded": True} if profile is not None else {"input_profile": "srgb"}
    image = _lazy(rows, profile)
    lab = _usable(
        lambda: image.icc_import(intent=intent, pcs="lab", black_point_compensation=black_point, **given).numpy()
    )
    lightness: NDArray[np.float32] = np.clip(lab[:, :, 0], 0, 100)
    light = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * np.float32(27 / 24389))
    levels = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)
    result: Image = np.rint(np.clip(levels, 0, 1) * np.iinfo(rows.dtype).max).astype(rows.dtype)
    return result


def _usable(convert: Any) -> Any:
    from filterfleet.worker.pixels.vips import pyvips

    try:
        return convert()
    except pyvips.Error:
        raise ImageError(
            "The colour profile of the image cannot be used to convert its colours: leave 'to_srgb' and 'to_profile' "
            "out of its recipe, or give the file another profile."
        ) from None
