"""A computation for every filter, with the values of its parameters."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.interpolate

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import Alpha
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.filter_definitions import (
    LAPLACE,
    RELIEF,
    SCHARR,
    SOBEL,
    USERS,
    above_its_mean,
    as_levels,
    auto_levels,
    blocks,
    boxed,
    by_lightness,
    despeckled,
    dithered,
    equalized_in_tiles,
    extreme,
    framed,
    gray_world,
    laid_over,
    lanczos,
    length_of_gradient,
    matched,
    mixed,
    most_interesting,
    neighbours,
    on_luma,
    saturated,
    small_png,
    soft,
    stretched,
    toned,
    top_of,
    weighted,
    without_border,
)


@dataclass(frozen=True)
class Case:
    """compute gets what the filter's function gets: an image without alpha, in the depth and colours that were
    declared.
    """

    compute: Callable[[Any], Any]
    values: dict[str, Any] = field(default_factory=dict)
    deep: bool = True
    gray: bool = False
    alpha: str = "kept"
    tolerance: int = 0  # levels by which rounding in float32 may differ
    tolerance_at_16_bits: int | None = None  # where it is another
    title: str = ""


def bilevel(compute, **values):
    return Case(compute, values, deep=False, gray=True, alpha="dropped")


def geometric(compute, **values):
    return Case(compute, values, alpha="filtered")


CASES = {
    "grayscale": Case(lambda image: image, gray=True),
    "gaussian_blur": Case(lambda image: cv2.GaussianBlur(image, (5, 5), 1.4)),
    "box_blur": Case(lambda image: as_levels(neighbours(image, 7, 7).mean(axis=(-2, -1)), image), {"size": 7}),
    "median_blur": Case(
        lambda image: np.median(neighbours(image, 5, 5, mode="edge"), axis=(-2, -1)).astype(image.dtype)
    ),
    "bilateral": Case(
        lambda image: cv2.bilateralFilter(image, 9, 50 * (1 if image.ndim == 2 else 3), 5), deep=False, tolerance=1
    ),
    "nl_means": Case(
        lambda image: cv2.fastNlMeansDenoising(image, None, 4, 5, 9),
        {"strength": 4, "template": 5, "search": 9},
        deep=False,
    ),
    "canny": bilevel(lambda image: cv2.Canny(image, 100, 200)),
    "sobel": Case(lambda image: length_of_gradient(image, SOBEL), gray=True, tolerance=1),
    "scharr": Case(
        lambda image: as_levels(
            np.hypot(weighted(image, SCHARR), weighted(image, np.transpose(SCHARR))) * 4, image
        ),
        {"scale": 4},
        gray=True,
        tolerance=1,
    ),
    "laplacian": Case(lambda image: as_levels(np.abs(weighted(image, LAPLACE)), image), gray=True),
    "sharpen": Case(
        lambda image: as_levels(5.0 * image - 4 * soft(image, 2), image), {"sigma": 2, "amount": 4}, tolerance=1
    ),
    "threshold": bilevel(lambda image: np.where(image > 99, 255, 0), level=99),
    "otsu": bilevel(lambda image: cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)[1]),
    "adaptive_threshold": bilevel(
        lambda image: above_its_mean(image, 9, 2.75),
        method="gaussian",
        size=9,
        offset=2.75,
    ),
    "equalize": Case(lambda image: on_luma(image, cv2.equalizeHist), deep=False),
    "clahe": Case(equalized_in_tiles, {"clip": 3, "tiles": 4}, tolerance=1, tolerance_at_16_bits=3),
    "gamma": Case(lambda image: as_levels((image / top_of(image)) ** 0.5 * top_of(image), image), {"gamma": 2}),
    "brightness_contrast": Case(
        lambda image: as_levels((image - top_of(image) / 2) * 1.5 + top_of(image) * 0.6, image),
        {"brightness": 10, "contrast": 1.5},
        tolerance=1,
    ),
    "saturation": Case(lambda image: saturated(image, 1.75), {"factor": 1.75}, tolerance=1),
    "invert": Case(lambda image: top_of(image) - image),
    "sepia": Case(toned, tolerance=1),
    "emboss": Case(lambda image: as_levels(weighted(image, RELIEF), image)),
    "pixelate": geometric(lambda image: blocks(image, 8), block=8),
    "erode": Case(lambda image: extreme(image, np.min, 5), {"shape": "rect", "size": 5}),
    "dilate": Case(lambda image: extreme(image, np.max, 9), {"shape": "rect", "size": 5, "iterations": 2}),
    "open": Case(
        lambda image: extreme(extreme(image, np.min, 5), np.max, 5), {"shape": "rect", "size": 5}
    ),
    "close": Case(
        lambda image: extreme(extreme(image, np.max, 9), np.min, 9), {"shape": "rect", "size": 5, "iterations": 2}
    ),
    "resize": Case(
        lambda image: lanczos(image, 33, 21), {"width": 33, "method": "lanczos"}, alpha="filtered", tolerance=1
    ),
    "thumbnail": geometric(lambda image: cv2.resize(image, (31, 20), None, 0, 0, cv2.INTER_AREA), width=50, height=20),
    "crop": geometric(lambda image: image[4:24, 20:50], width=30, height=20, top=4),
    "flip": geometric(lambda image: image[::-1, ::-1], direction="both"),
    "pad": geometric(framed, width=90, height=60, gravity="top", color="#808080"),
    "to_srgb": Case(lambda image: image),
    "to_profile": Case(by_lightness, {"profile": "gray"}, tolerance=1, tolerance_at_16_bits=40),
    "rotate": geometric(lambda image: np.rot90(image, 1), angle=-90.0),
    "deskew": geometric(lambda image: image),
    "trim": geometric(without_border, color="#909090", threshold=40),
    "smart_crop": geometric(lambda image: most_interesting(image, 30, 45, "entropy"), width=30, by="entropy"),
    "letterbox": geometric(boxed, width=40, height=40, color="#ffffff"),
    "levels": Case(
        lambda image: as_levels(np.clip(image / top_of(image) / 0.8 - 0.125, 0, 1) ** 0.5 * top_of(image), image),
        {"black": 10, "white": 90, "gamma": 2},
    ),
    "curves": Case(
        lambda image: as_levels(
            scipy.interpolate.PchipInterpolator([0, 0.2, 0.7, 0.9], [0.1, 0.4, 0.3, 0.9])(
                np.clip(image / top_of(image), 0, 0.9)
            )
            * top_of(image),
            image,
        ),
        {"points": ((0, 10), (20, 40), (70, 30), (90, 90))},
    ),
    "posterize": Case(
        lambda image: as_levels(np.minimum(image * 3.0 // top_of(image), 2) * top_of(image) / 2, image), {"levels": 3}
    ),
    "auto_levels": Case(auto_levels, {"clip": 2, "channels": "each"}, tolerance=1),
    "stretch": Case(stretched, {"low": 5, "high": 90, "softness": 0.1}),
    "white_balance": Case(gray_world, {"method": "gray-world"}),
    "match_histogram": Case(matched, {"picture": small_png(40, 60, 3)}, tolerance=1),
    "channel": Case(lambda image: image if image.ndim == 2 else image[:, :, 2], {"channel": "red"}),
    "mix": Case(mixed, {"matrix": ((0.5, 0, 0.25), (0, 1, 0), (-0.5, 0, 1))}, tolerance=1),
    "background": Case(lambda image: laid_over(image, (48, 32, 16)), {"color": "#102030"}, alpha="filtered"),
    "dither": bilevel(dithered),
    "despeckle": Case(despeckled, {"size": 5, "threshold": 20}),
    "convolve": Case(
        lambda image: as_levels(weighted(image, USERS) / 2 + top_of(image) * 0.1, image),
        {"kernel": USERS, "divisor": 2, "offset": 10},
        tolerance=1,
    ),
}  # fmt: skip
WATERMARKS = {"watermark_text": {"text": "© Größe"}, "watermark_image": {"picture": small_png(9, 20)}}


def as_declared(image, case):
    """The image that the filter's function gets, and the alpha that is added to its result."""
    alpha = None
    if not case.deep and image.dtype == np.uint16:
        image = np.rint(image / 257).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] in (2, 4) and case.alpha != "filtered":
        alpha = image[:, :, -1:] if case.alpha == "kept" else None
        if case.alpha == "dropped":
            cover = image[:, :, -1:] / top_of(image)
            image = np.rint(image * cover + top_of(image) * (1 - cover)).astype(image.dtype)
        image = image[:, :, 0] if image.shape[2] == 2 else image[:, :, :3]
    image = np.ascontiguousarray(image)
    if case.gray and image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return image, alpha


def step(name, **values):
    return Step(name, tuple(sorted(values.items())))


def weighs(bound):
    """Whether the filter weighs colours by alpha. tests/unit/test_transparency.py has their see-through images."""
    return bound.filter.alpha in (Alpha.WEIGHED, Alpha.FILTERED, Alpha.ON_WHITE)


def opaque(image):
    image = image.copy()
    if image.ndim == 3 and image.shape[2] in (2, 4):
        image[:, :, -1] = top_of(image)
    return image
