"""Filters that move levels by the image's own histogram. What is transparent counts by its alpha."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.filters import picture as pictures
from filterfleet.worker.filters.histogram import Counts, of_channels
from filterfleet.worker.filters.merge import Measured
from filterfleet.worker.filters.parameters import Choice, Number, Picture
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.filters.tables import Curve, mapped, mapped_by_channel
from filterfleet.worker.pixels.channels import over_white
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_ROUNDING = 1e-6  # pixels by which a share in percent may come out too large
_STRONGEST = 8.0  # gain of a channel: a picture of one colour has nothing to be balanced by


def _measure(image: Image, alpha: Image | None, **_values: Any) -> Counts:
    return of_channels(image, alpha)


def _quantile(counts: Counts, percent: float) -> float:
    """The lowest level, from 0 to 1, up to which this share of the pixels lies, and at least one; 0 of no pixels."""
    sums = np.cumsum(counts)
    wanted = max(math.ceil(float(sums[-1]) * percent / 100 - _ROUNDING), 1)
    return float(np.searchsorted(sums, wanted)) / (len(counts) - 1) if sums[-1] else 0.0


def _between(black: float, white: float) -> Curve:
    """Spreads the levels between the two over the whole range. Changes nothing where there are none between."""
    return (lambda levels: (levels - black) / (white - black)) if white > black else (lambda levels: levels)


def _ends(counts: Counts, clip: float) -> Curve:
    return _between(_quantile(counts, clip), _quantile(counts, 100 - clip))


def _with_auto_levels(image: Image, total: Counts, clip: float, channels: str, alpha: Image | None) -> Image:  # noqa: ARG001
    if channels == "together":
        return mapped(image, _ends(total.sum(axis=0), clip))
    return mapped_by_channel(image, [_ends(counts, clip) for counts in total])


@register(
    "auto_levels",
    merge=Measured(_measure, _with_auto_levels),
    alpha=Alpha.WEIGHED,
    work=1.5,
    clip=Number(0.5, 0.0, 40.0, "percent of the pixels that become black, and as many white"),
    channels=Choice("together", ("together", "each")),
)
def auto_levels(image: Image, clip: float, channels: str, alpha: Image | None) -> Image:
    """Spreads the levels that occur over the whole range.

    All channels are spread alike, which keeps colours, or each on its own, which also takes away a cast.
    """
    return _with_auto_levels(image, _measure(image, alpha), clip, channels, alpha)


_CURVES: dict[str, Callable[[Any, float], Any]] = {
    "linear": lambda levels, _softness: levels,
    "sqrt": lambda levels, _softness: np.sqrt(levels),
    "log": lambda levels, softness: np.log1p(levels / softness) / np.log1p(1 / softness),
    "asinh": lambda levels, softness: np.arcsinh(levels / softness) / np.arcsinh(1 / softness),
}


def _stretched(
    image: Image,
    total: Counts,
    low: float,
    high: float,
    curve: str,
    softness: float,
    alpha: Image | None,  # noqa: ARG001
) -> Image:
    counts = total.sum(axis=0)
    spread = _between(_quantile(counts, low), _quantile(counts, high))
    return mapped(image, lambda levels: _CURVES[curve](np.clip(spread(levels), 0, 1), softness))


def _low_above_high(low: float, high: float, **_values: Any) -> str | None:
    return None if low < high else f"needs low below high, not {low:g} and {high:g}"


@register(
    "stretch",
    merge=Measured(_measure, _stretched),
    alpha=Alpha.WEIGHED,
    work=1.5,
    refuses=_low_above_high,
    low=Number(1.0, 0.0, 100.0, "percentile that becomes black"),
    high=Number(99.8, 0.0, 100.0, "percentile that becomes white"),
    curve=Choice("asinh", tuple(_CURVES)),
    softness=Number(0.05, 0.0001, 10.0, "of asinh and log: less lifts faint parts more"),
)
def stretch(image: Image, low: float, high: float, curve: str, softness: float, alpha: Image | None) -> Image:
    """Shows faint parts, as astronomers and microscopists do: percentiles become black and white, with a curve between.

    The curve asinh keeps colours of bright parts (Lupton and others 2004).
    """
    return _stretched(image, _measure(image, alpha), low, high, curve, softness, alpha)


def _mean(counts: Counts) -> float:
    return float((counts * np.arange(len(counts))).sum() / max(int(counts.sum()), 1))


def _balanced(image: Image, total: Counts, method: str, strength: float, alpha: Image | None) -> Image:  # noqa: ARG001
    if image.ndim == 2:
        return image
    means = [_mean(counts) if method == "gray-world" else _quantile(counts, 99) for counts in total]
    aim = sum(means) / 3 if method == "gray-world" else max(means)
    gains = [1 + strength * (min(aim / mean, _STRONGEST) - 1) if mean else 1.0 for mean in means]
    return mapped_by_channel(image, [partial(np.multiply, gain) for gain in gains])


@register(
    "white_balance",
    merge=Measured(_measure, _balanced),
    alpha=Alpha.WEIGHED,
    work=1.5,
    method=Choice("gray-world", ("gray-world", "white-patch")),
    strength=Number(1.0, 0.0, 1.0, "0 changes nothing"),
)
def white_balance(image: Image, method: str, strength: float, alpha: Image | None) -> Image:
    """Takes away a cast: makes the mean of the image gray, or its brightest parts white.

    Gray images stay as they are.
    """
    return _balanced(image, _measure(image, alpha), method, strength, alpha)


def _reference(picture: bytes, channels: int) -> Counts:
    """The histogram of the picture's visible pixels, of its luma for a gray image."""
    decoded = pictures.decode(picture)
    if channels == 1:
        return of_channels(
            cv2.cvtColor(over_white(decoded), cv2.COLOR_BGR2GRAY), np.ascontiguousarray(decoded[:, :, 3])
        )
    return of_channels(np.ascontiguousarray(decoded[:, :, :3]), np.ascontiguousarray(decoded[:, :, 3]))


def _shares(counts: Counts) -> NDArray[np.float64]:
    sums = np.cumsum(counts)
    return sums / max(int(sums[-1]), 1)


def _alike(counts: Counts, wanted: Counts) -> Curve:
    """Maps each level that occurs to the level up to which as many pixels of the other histogram lie."""
    present = np.flatnonzero(wanted)
    levels = np.interp(_shares(counts), _shares(wanted)[present], present / (len(wanted) - 1))
    return lambda _levels: levels


def _matched(image: Image, total: Counts, picture: bytes, alpha: Image | None) -> Image:  # noqa: ARG001
    wanted = _reference(picture, len(total))
    if not total.any() or not wanted.any():
        return image
    return mapped_by_channel(image, [_alike(*pair) for pair in zip(total, wanted, strict=True)])


@register(
    "match_histogram",
    merge=Measured(_measure, _matched),
    alpha=Alpha.WEIGHED,
    work=1.5,
    picture=Picture(),
)
def match_histogram(image: Image, picture: bytes, alpha: Image | None) -> Image:
    """Gives the image the brightness and colours of a picture: each channel gets the histogram of the picture's."""
    return _matched(image, _measure(image, alpha), picture, alpha)
