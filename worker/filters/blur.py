"""Filters that smooth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from filterfleet.worker.filters.merge import Rows, half_the_size
from filterfleet.worker.filters.non_local import non_local_means
from filterfleet.worker.filters.parameters import Integer, Number
from filterfleet.worker.filters.registry import Alpha, Border, register
from filterfleet.worker.filters.transparency import Samples, filled, mean, sums, weighed
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2, without_ipp


def _cut_off(size: int, sigma: float) -> str | None:
    if sigma <= size / 2:
        return None
    enough = 2 * math.ceil(3 * sigma) + 1
    more = f"a size of {enough} shows all of it" if enough <= 255 else "a size of 255 shows more of it"
    return f"cuts off a blur of sigma {sigma:g} at {size} pixels, which makes it nearly a box_blur: {more}"


@register(
    "gaussian_blur",
    border=Border.MIRRORED,
    merge=Rows(halo=half_the_size),
    work=0.5,
    alpha=Alpha.WEIGHED,
    size=Integer(5, 1, 255, "pixels", odd=True),
    doubts=_cut_off,
    sigma=Number(1.4, 0.0, 100.0, "pixels; 0 derives it from the size"),
)
def gaussian_blur(image: Image, size: int, sigma: float, alpha: Image | None) -> Image:
    """Gaussian blur with a kernel of size x size pixels."""

    def blurred(samples: Samples) -> Samples:
        return cv2.GaussianBlur(samples, (size, size), sigma)

    return weighed(image, alpha, (size // 2, size // 2), blurred, mean(blurred))


@register(
    "box_blur",
    border=Border.MIRRORED,
    merge=Rows(halo=half_the_size),
    work=0.5,
    alpha=Alpha.WEIGHED,
    size=Integer(5, 1, 255, "pixels", odd=True),
)
def box_blur(image: Image, size: int, alpha: Image | None) -> Image:
    """Mean of size x size pixels."""
    means = mean(lambda samples: sums(samples, size))
    return weighed(
        image,
        alpha,
        (size // 2, size // 2),
        lambda samples: cv2.blur(samples, (size, size)),
        lambda colours, weights: means(colours.astype(np.float64), weights),
    )


def _filled_halo(size: int, **_values: Any) -> int:
    """Transparent pixels are filled from a window as large as that of the filter."""
    return size // 2 * 2


def _has_deep_median(size: int, **_values: Any) -> bool:
    """At 16 bits, OpenCV has no medians beyond 5 x 5."""
    return size <= 5


@register(
    "median_blur",
    border=Border.REPEATED,
    merge=Rows(halo=_filled_halo),
    work=4.0,
    alpha=Alpha.WEIGHED,
    deep=_has_deep_median,
    keeps_bilevel=True,
    size=Integer(5, 1, 255, "pixels", odd=True),
)
def median_blur(image: Image, size: int, alpha: Image | None) -> Image:
    """Median of size x size pixels: removes specks and keeps edges.

    With a size above 5, images of 16 bits become such of 8.
    """
    return cv2.medianBlur(filled(image, alpha, size // 2), size)


@register(
    "despeckle",
    border=Border.REPEATED,
    merge=Rows(halo=_filled_halo),
    work=8.0,
    alpha=Alpha.WEIGHED,
    deep=_has_deep_median,
    keeps_bilevel=True,
    size=Integer(3, 3, 31, "pixels", odd=True),
    threshold=Number(40.0, 0.0, 255.0, "8-bit levels"),
)
def despeckle(image: Image, size: int, threshold: float, alpha: Image | None) -> Image:
    """Removes specks and keeps the rest: pixels far from the median around them get it.

    Far is more than a threshold. The median is that of size x size pixels. In colour images, one channel that differs
    is enough. With a size above 5, images of 16 bits become such of 8.
    """
    clean: Any = cv2.medianBlur(filled(image, alpha, size // 2), size)
    difference: Any = cv2.absdiff(image, clean)
    least = threshold * (int(np.iinfo(image.dtype).max) // 255)
    far = difference > least if image.ndim == 2 else difference.max(axis=2, keepdims=True) > least
    return np.where(far, clean, image)


@register(
    "bilateral",
    border=Border.MIRRORED,
    merge=Rows(halo=_filled_halo),
    work=2.0,
    alpha=Alpha.WEIGHED,
    deep=False,
    size=Integer(9, 3, 31, "pixels; the time grows with its square", odd=True),
    sigma_color=Number(50.0, 0.1, 1000.0, "8-bit levels"),
    sigma_space=Number(5.0, 0.1, 100.0, "pixels"),
)
def bilateral(image: Image, size: int, sigma_color: float, sigma_space: float, alpha: Image | None) -> Image:
    """Blur that mixes only pixels of similar colour and so keeps edges (Tomasi and Manduchi 1998).

    Two colours differ by the mean of the differences of their channels, so that gray stored as colour gives gray.
    """
    # OpenCV adds the differences of the channels.
    channels = 1 if image.ndim == 2 else image.shape[2]
    given = filled(image, alpha, size // 2)
    with without_ipp():  # which takes twice the time for colours, from a size of 9 on (measured on an AMD EPYC)
        return cv2.bilateralFilter(given, size, sigma_color * channels, sigma_space)


def _search_and_template(search: int, template: int, **_values: Any) -> int:
    return search // 2 + template // 2


def _filled_search_and_template(search: int, template: int, **_values: Any) -> int:
    return 2 * _search_and_template(search, template)


@register(
    "nl_means",
    border=Border.MIRRORED,
    merge=Rows(halo=_filled_search_and_template),
    work=2.0,
    alpha=Alpha.WEIGHED,
    deep=False,
    strength=Number(5.0, 0.1, 100.0, "8-bit levels, about the noise's"),
    template=Integer(7, 1, 15, "pixels", odd=True),
    search=Integer(15, 1, 35, "pixels; the time grows with its square", odd=True),
)
def nl_means(image: Image, strength: float, template: int, search: int, alpha: Image | None) -> Image:
    """Removes noise by averaging similar neighbourhoods: non-local means (Buades, Coll and Morel 2005).

    For each pixel, neighbourhoods of template x template pixels, all channels together, are compared within search x
    search pixels.
    """
    # cv2.fastNlMeansDenoisingColored would go through Lab of 8 bits, which changes colours by up to 4 levels.
    image = filled(image, alpha, _search_and_template(search, template))
    return non_local_means(image, strength, template, search)
