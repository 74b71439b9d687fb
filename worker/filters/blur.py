"""Filters that smooth."""

from __future__ import annotations

from typing import Any

from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.filters.parameters import Integer, Number
from filterfleet.worker.filters.registry import register
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2


def _radius(size: int, **_: Any) -> int:
    return size // 2


@register(
    "gaussian_blur",
    merge=Rows(halo=_radius),
    size=Integer(5, 1, 255, "pixels", odd=True),
    sigma=Number(1.4, 0.0, 100.0, "pixels; 0 derives it from the size"),
)
def gaussian_blur(image: Image, size: int, sigma: float) -> Image:
    """Gaussian blur with a kernel of size x size pixels."""
    return cv2.GaussianBlur(image, (size, size), sigma)


@register("box_blur", merge=Rows(halo=_radius), size=Integer(5, 1, 255, "pixels", odd=True))
def box_blur(image: Image, size: int) -> Image:
    """Mean of size x size pixels."""
    return cv2.blur(image, (size, size))


# OpenCV's medians of 16 bits end at 5 x 5.
@register("median_blur", merge=Rows(halo=_radius), deep=False, size=Integer(5, 1, 255, "pixels", odd=True))
def median_blur(image: Image, size: int) -> Image:
    """Median of size x size pixels: takes away specks, keeps edges."""
    return cv2.medianBlur(image, size)


@register(
    "bilateral",
    merge=Rows(halo=_radius),
    deep=False,
    size=Integer(9, 3, 31, "pixels", odd=True),
    sigma_color=Number(50.0, 0.1, 1000.0, "8-bit levels"),
    sigma_space=Number(5.0, 0.1, 100.0, "pixels"),
)
def bilateral(image: Image, size: int, sigma_color: float, sigma_space: float) -> Image:
    """Blur among pixels of similar colour only (Tomasi and Manduchi 1998): edges stay."""
    return cv2.bilateralFilter(image, size, sigma_color, sigma_space)


def _search_and_template(search: int, template: int, **_: Any) -> int:
    return search // 2 + template // 2


@register(
    "nl_means",
    merge=Rows(halo=_search_and_template),
    deep=False,
    strength=Number(5.0, 0.1, 100.0, "8-bit levels, about the noise's"),
    template=Integer(7, 1, 15, "pixels", odd=True),
    search=Integer(15, 1, 35, "pixels; the time grows with its square", odd=True),
)
def nl_means(image: Image, strength: float, template: int, search: int) -> Image:
    """Takes away noise by averaging similar neighbourhoods: non-local means (Buades, Coll and Morel 2005)."""
    if image.ndim == 2:
        return cv2.fastNlMeansDenoising(image, None, strength, template, search)
    return cv2.fastNlMeansDenoisingColored(image, None, strength, strength, template, search)
