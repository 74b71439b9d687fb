"""Pictures on which libraries have gone beyond their buffers: grids, checkerboards, lines, and slivers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np

from filterfleet.worker.pixels.image import Image

LONGEST = 70  # pixels of a side


def grids() -> Iterator[Image]:
    """216 gray grids of black lines on white, 1 to 9 pixels apart. The first is graph paper of 300 x 300 pixels."""
    sizes = ((300, 300), (301, 299), (64, 64), (128, 640), (37, 500), (70, 70), (255, 257), (90, 33))
    for pitch, (height, width), shift in itertools.product((4, 5, 6, *range(1, 4), *range(7, 10)), sizes, (3, 1, 0)):
        yield grid(height, width, pitch, pitch, shift)


def grid(height: int, width: int, rows: int, columns: int, shift: int) -> Image:
    """Black lines on white, at these distances in pixels; the columns begin at shift."""
    image = np.full((height, width), 255, np.uint8)
    image[::rows] = 0
    image[:, shift % columns :: columns] = 0
    return image


def pattern(rng: random.Random) -> Image:
    """A picture of 1 to LONGEST pixels a side, of any depth and number of channels."""
    height, width = (rng.choice((1, 2, rng.randint(1, LONGEST), rng.randint(1, LONGEST))) for _ in range(2))
    channels, dtype = rng.randint(1, 4), rng.choice((np.uint8, np.uint16))
    planes = [_plane(rng, height, width) for _ in range(channels)]
    if rng.random() < 0.5:
        planes = planes[:1] * channels
    scale = np.iinfo(dtype).max // 255
    image = (np.dstack(planes).astype(np.int64) * scale).astype(dtype)
    return np.ascontiguousarray(image[:, :, 0]) if channels == 1 else image


def _plane(rng: random.Random, height: int, width: int) -> Image:
    y, x = np.indices((height, width))
    period = rng.randint(1, 12)
    other = rng.choice((period, rng.randint(1, 12)))
    kind = rng.choice(("grid", "grid", "checkerboard", "row", "column", "noise", "flat"))
    if kind == "grid":
        plane = grid(height, width, period, other, rng.randrange(other))
    elif kind == "checkerboard":
        plane = ((y // period + x // other) % 2 * 255).astype(np.uint8)
    elif kind == "row":
        plane = np.where(y == rng.randrange(height), 255, 0).astype(np.uint8)
    elif kind == "column":
        plane = np.where(x == rng.randrange(width), 255, 0).astype(np.uint8)
    elif kind == "noise":
        plane = np.random.default_rng(rng.randrange(1 << 32)).integers(0, 256, (height, width), np.uint8)
    else:
        plane = np.full((height, width), rng.randrange(256), np.uint8)
    return 255 - plane if rng.random() < 0.5 else plane
