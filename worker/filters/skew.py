"""How far the lines of a page are from level.

Seen along its lines, a page of text is full rows of ink and empty rows in turn; seen at another angle, all rows are
alike. So for each angle the ink is counted row by row (Postl 1986), and the angle is taken at which the squares of the
differences between neighbouring rows have the largest sum (Bloomberg, Kopec and Dasari, "Measuring document image skew
and orientation", SPIE 2422, 1995).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from filterfleet.worker.filters.drawing import reduced
from filterfleet.worker.filters.merge import Source
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

# The longest side of the copy that is looked at, in pixels. A larger value finds the lines of smaller letters, and
# takes more time.
_SIDE = 1600

# Pixels of ink that are counted at most. A larger value takes more time; a smaller one makes the angle less certain.
_INK = 100_000

# Pixels of ink without which there are no lines. A larger value leaves pages with a few letters as they are; with a
# smaller one, some specks of dust turn a page.
_LEAST_INK = 200

_STEPS = (0.2, 0.05, 0.01)  # degrees between the angles that are tried: all of them, then around the best one

# By how much the best angle has to stand out from the middle one. A larger value leaves faint lines as they are; with a
# smaller one, pictures without lines may be turned.
_CLEARLY = 2.0


def angle_of_lines(source: Source, most: float) -> float:
    """The angle in degrees, clockwise, from -most to most; 0 if there are no clear lines."""
    across, down = _ink(reduced(source, _SIDE, 255)[0])
    if len(across) < _LEAST_INK:
        return 0.0
    count = round(most / _STEPS[0])
    angles = np.unique(np.clip(np.arange(-count - 1, count + 2) * _STEPS[0], -most, most))
    scores = [_contrast(across, down, angle) for angle in angles]
    best, score = float(angles[int(np.argmax(scores))]), max(scores)
    if score < _CLEARLY * float(np.median(scores)) + 1e-9:
        return 0.0
    for coarse, fine in itertools.pairwise(_STEPS):
        reach = round(coarse / fine)
        around = np.clip(best + np.arange(-reach, reach + 1) * fine, -most, most)
        best = float(max(around, key=lambda angle: _contrast(across, down, angle)))
    return round(best, 2)


def _ink(image: Image) -> tuple[Any, Any]:
    """Where pixels are darker than what surrounds them, across and down, each moved within its pixel by a throw of dice
    that always falls alike: whole numbers would make 0 degrees stand out.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    means: Any = cv2.boxFilter(gray, cv2.CV_32F, (51, 51), borderType=cv2.BORDER_REPLICATE)
    means -= 16
    down, across = np.nonzero(gray < means)
    step = max(1, -(-len(down) // _INK))
    dice = np.random.default_rng(1)
    moved = (places[::step] + dice.random(len(places[::step])) for places in (across, down))
    return next(moved), next(moved)


def _contrast(across: Any, down: Any, angle: float) -> float:
    radians = math.radians(angle)
    rows = down * math.cos(radians) - across * math.sin(radians)
    counts = np.bincount((rows - rows.min()).astype(np.int64))
    return float((np.diff(counts.astype(np.float64)) ** 2).sum())
