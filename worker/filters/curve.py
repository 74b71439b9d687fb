"""A smooth curve through points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def through(xs: Numbers, ys: Numbers, at: Numbers) -> Numbers:
    """The values of the curve through (xs, ys) at places between the first and the last of xs, which rise.

    Between two points, it never leaves their range: monotone cubics (Fritsch and Butland 1984), whose slope in a point
    is the weighted harmonic mean of the slopes beside it, and 0 in an extreme.
    """
    widths = np.diff(xs)
    slopes = np.diff(ys) / widths
    tangents = _tangents(widths, slopes)
    place = np.clip(np.searchsorted(xs, at, side="right") - 1, 0, len(widths) - 1)
    width = widths[place]
    part = (at - xs[place]) / width
    start, end = ys[place], ys[place + 1]
    left, right = tangents[place] * width, tangents[place + 1] * width
    # Hermite's basis.
    return (
        (1 + 2 * part) * (1 - part) ** 2 * start
        + part * (1 - part) ** 2 * left
        + part**2 * (3 - 2 * part) * end
        + part**2 * (part - 1) * right
    )


def _tangents(widths: Numbers, slopes: Numbers) -> Numbers:
    if len(slopes) == 1:
        return np.repeat(slopes, 2)
    before, after = slopes[:-1], slopes[1:]
    first, second = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    monotone = before * after > 0
    inner = np.zeros(len(slopes) - 1)
    inner[monotone] = (
        (first + second) / (first / np.where(monotone, before, 1) + second / np.where(monotone, after, 1))
    )[monotone]
    return np.concatenate([[_at_end(widths, slopes)], inner, [_at_end(widths[::-1], slopes[::-1])]])


def _at_end(widths: Numbers, slopes: Numbers) -> float:
    """By the parabola through the last three points, but no steeper than keeps the curve in their range."""
    slope = float(((2 * widths[0] + widths[1]) * slopes[0] - widths[0] * slopes[1]) / (widths[0] + widths[1]))
    if slope * slopes[0] <= 0:
        return 0.0
    if slopes[0] * slopes[1] <= 0 and abs(slope) > 3 * abs(slopes[0]):
        return 3 * float(slopes[0])
    return slope
