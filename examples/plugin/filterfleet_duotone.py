"""A filter for filterfleet: photographs in two colours."""

import numpy as np

from filterfleet.worker.filters import Color, Image, Rows, register


def _bgr(color: str) -> list[int]:
    return [int(color[n : n + 2], 16) for n in (5, 3, 1)]


@register("duotone", merge=Rows(), gray=True, deep=False, dark=Color("#1b2a49"), light=Color("#f6e7c1"))
def duotone(image: Image, dark: str, light: str) -> Image:
    """Shadows in one colour, lights in another, and mixtures of both in between."""
    ramp = np.linspace(_bgr(dark), _bgr(light), 256).round().astype(np.uint8)
    return ramp[image]
