"""Filters that are short for several others."""

from __future__ import annotations

from typing import Any

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters.framing import GRAVITIES
from filterfleet.worker.filters.merge import Chain
from filterfleet.worker.filters.parameters import Choice, Color, Integer, Number, is_colourful
from filterfleet.worker.filters.registry import Alpha, Border, bind, register
from filterfleet.worker.filters.resampling import METHODS
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.settings import MAX_SIDE


def _boxed(width: int, height: int, method: str, gravity: str, color: str, opacity: float) -> tuple[Step, ...]:
    size = (("height", height), ("width", width))
    return (
        Step("resize", tuple(sorted((*size, ("fit", "inside"), ("method", method))))),
        Step("pad", tuple(sorted((*size, ("color", color), ("gravity", gravity), ("opacity", opacity))))),
    )


@register(
    "letterbox",
    border=Border.LEFT_OUT,
    merge=Chain(_boxed),
    alpha=Alpha.FILTERED,
    tints=is_colourful,
    width=Integer(None, 1, MAX_SIDE, "pixels"),
    height=Integer(None, 1, MAX_SIDE, "pixels"),
    method=Choice("area", METHODS),
    gravity=Choice("center", GRAVITIES),
    color=Color("#000000"),
    opacity=Number(1.0, 0.0, 1.0, "opacity of the border, in images with transparency"),
)
def letterbox(image: Image, **values: Any) -> Image:
    """Fits the image into width x height pixels, at its ratio, and fills what is left with a colour.

    The same as resize with fit inside, followed by pad: it enlarges small images.

    Raises ImageError when the result is enlarged to over 128 million pixels.
    """
    for step in _boxed(**values):
        image = bind(step)(image)
    return image
