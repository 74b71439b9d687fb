"""A picture of every filter: a photograph that ships with the package, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Step, Value
from filterfleet.worker.filters import About, Image, bind
from filterfleet.worker.formats.colour import ADOBE_RGB
from filterfleet.worker.pixels.channels import over_white
from filterfleet.worker.pixels.opencv import cv2

_PHOTOS = Path(__file__).parents[1] / "demo" / "photos"
_CELL = 200  # pixels: width and height of each half of the picture
_MARGIN = 6  # pixels between the halves
_BACKGROUND = 245  # 8-bit level
_QUALITY = 72  # of the JPEG


@dataclass(frozen=True, slots=True)
class Sample:
    """What a filter is shown on. What is added first: noise, whose standard deviation is in 8-bit levels; a share of
    black and white specks; a round hole; a white frame, in pixels. From the rest, crop keeps this many rows and
    columns in the middle. With page, it is a skewed page of text instead of the photograph; with wide, its numbers are
    taken for colours of Adobe RGB.
    """

    photo: str
    values: Mapping[str, Value] = field(default_factory=dict)
    noise: float = 0.0
    specks: float = 0.0
    hole: bool = False
    frame: int = 0
    page: bool = False
    wide: bool = False
    crop: int = _CELL


def _logo() -> bytes:
    """A ring, as a PNG with transparency."""
    logo = np.zeros((96, 96, 4), np.uint8)
    cv2.circle(logo, (48, 48), 38, (255, 255, 255, 255), 12, cv2.LINE_AA)
    cv2.circle(logo, (48, 48), 14, (0, 200, 255, 255), -1, cv2.LINE_AA)
    return cv2.imencode(".png", logo)[1].tobytes()


def _sunset() -> bytes:
    """Red to yellow, as a PNG."""
    ramp = np.arange(256, dtype=np.uint8)
    return cv2.imencode(".png", np.dstack([ramp[None] // 3, ramp[None] // 3 * 2, ramp[None]]))[1].tobytes()


_DIAGONAL = tuple(tuple(int(row == column) for column in range(9)) for row in range(9))

SAMPLES = {
    "adaptive_threshold": Sample("retina.jpg", {"size": 15, "offset": 3}),
    "auto_levels": Sample("retina.jpg", {"clip": 1}),
    "background": Sample("coffee.jpg", {"color": "#336699"}, hole=True),
    "bilateral": Sample("chelsea.png", {"sigma_color": 60}, noise=12),
    "box_blur": Sample("coffee.jpg", {"size": 9}),
    "brightness_contrast": Sample("rocket.jpg", {"brightness": 8, "contrast": 1.6}),
    "canny": Sample("coffee.jpg"),
    "channel": Sample("astronaut.jpg", {"channel": "red"}),
    "clahe": Sample("retina.jpg", {"clip": 4}),
    "close": Sample("camera.png", {"size": 7}),
    "convolve": Sample("coffee.jpg", {"kernel": _DIAGONAL, "divisor": 9}),
    "crop": Sample("astronaut.jpg", {"width": 100, "height": 130, "gravity": "top"}),
    "curves": Sample("coffee.jpg", {"points": ((0, 0), (25, 10), (75, 90), (100, 100))}),
    "deskew": Sample("camera.png", page=True),
    "despeckle": Sample("camera.png", {"size": 5}, specks=0.03),
    "dilate": Sample("hubble_deep_field.jpg", {"size": 5}),
    "dither": Sample("camera.png"),
    "emboss": Sample("coffee.jpg"),
    "equalize": Sample("rocket.jpg"),
    "erode": Sample("camera.png", {"size": 5}),
    "flip": Sample("rocket.jpg"),
    "gamma": Sample("rocket.jpg", {"gamma": 2}),
    "gaussian_blur": Sample("chelsea.png", {"size": 15, "sigma": 3}),
    "grayscale": Sample("astronaut.jpg"),
    "invert": Sample("hubble_deep_field.jpg"),
    "laplacian": Sample("camera.png", {"scale": 4.0}),
    "letterbox": Sample("rocket.jpg", {"width": 200, "height": 120, "color": "#203040"}),
    "levels": Sample("rocket.jpg", {"black": 4, "white": 70, "gamma": 1.3}),
    "match_histogram": Sample("chelsea.png", {"picture": _sunset()}),
    "median_blur": Sample("astronaut.jpg", {"size": 5}, noise=25),
    "mix": Sample("astronaut.jpg", {"matrix": ((0, 1, 0), (0, 0, 1), (1, 0, 0))}),
    "nl_means": Sample("chelsea.png", {"strength": 10}, noise=12),
    "open": Sample("hubble_deep_field.jpg", {"size": 5}),
    "otsu": Sample("camera.png"),
    "pad": Sample("coffee.jpg", {"height": 200, "width": 200, "color": "#803020"}, crop=140),
    "pixelate": Sample("astronaut.jpg", {"block": 10}),
    "posterize": Sample("chelsea.png", {"levels": 3}),
    "resize": Sample("chelsea.png", {"width": 100, "height": 180}),
    "rotate": Sample("chelsea.png", {"angle": 20, "color": "#203040"}, crop=140),
    "saturation": Sample("coffee.jpg", {"factor": 2}),
    "scharr": Sample("camera.png", {"scale": 4.0}),
    "sepia": Sample("astronaut.jpg"),
    "sharpen": Sample("chelsea.png", {"amount": 2}),
    "smart_crop": Sample("astronaut.jpg", {"width": 90, "height": 90}),
    "sobel": Sample("camera.png", {"scale": 2.0}),
    "stretch": Sample("hubble_deep_field.jpg"),
    "threshold": Sample("coffee.jpg", {"level": 110}),
    "thumbnail": Sample("rocket.jpg", {"width": 90, "height": 90}),
    "to_profile": Sample("astronaut.jpg", {"profile": "gray"}),
    "to_srgb": Sample("coffee.jpg", wide=True),
    "trim": Sample("coffee.jpg", {"threshold": 20}, frame=30),
    "watermark_image": Sample("coffee.jpg", {"picture": _logo(), "opacity": 0.8}),
    "watermark_text": Sample("rocket.jpg", {"text": "Lift-off", "size": 10}),
    "white_balance": Sample("retina.jpg", {"strength": 0.7}),
}


def before_and_after(name: str) -> bytes:
    """A JPEG file that shows the photograph on the left and the filter's result on the right. Raises FleetError for a
    filter without a sample.
    """
    sample = _sample(name)
    before = _photo(sample)
    bound = bind(Step(name, tuple(sorted(sample.values.items()))))
    after = replace(bound, about=About(ADOBE_RGB.profile()) if sample.wide else About())(before)
    sheet = np.hstack([_cell(before), np.full((_CELL, _MARGIN, 3), 255, np.uint8), _cell(after)])
    return cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def caption(name: str) -> str:
    """The values with which the picture was made, without those that are defaults; empty if there are none."""
    return ", ".join(f"`{key}` {_shown(value)}" for key, value in _sample(name).values.items())


def _sample(name: str) -> Sample:
    if name not in SAMPLES:
        raise FleetError(f"The filter {name!r} has no sample in filterfleet/catalogue/gallery.py: add one.")
    return SAMPLES[name]


def _shown(value: Value) -> str:
    match value:
        case bytes():
            return "a picture made for this"
        case tuple() if value == _DIAGONAL:
            return f"a diagonal of {len(value)} ones"
        case tuple():
            return f"[{', '.join(map(_shown, value))}]"
    return str(value)


def _page() -> Image:
    """Lines of text that rise by 6 degrees."""
    page = np.full((_CELL, _CELL, 3), 235, np.uint8)
    for line in range(-20, _CELL + 40, 22):
        text = "to be level again is what a page wants"
        cv2.putText(page, text, (-30, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 30, 20), 1, cv2.LINE_AA)
    return bind(Step("rotate", (("angle", -6.0), ("color", "#ebebeb"), ("fit", "keep"))))(page)


def _photo(sample: Sample) -> Image:
    if sample.page:
        return _page()
    data = np.fromfile(_PHOTOS / sample.photo, np.uint8)
    image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    image = cv2.resize(image[top : top + side, left : left + side], (_CELL, _CELL), interpolation=cv2.INTER_AREA)
    if sample.noise:
        noise = np.random.default_rng(1).normal(0, sample.noise, image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if sample.specks:
        dice = np.random.default_rng(1).random(image.shape[:2])
        image[dice < sample.specks / 2] = 0
        image[dice > 1 - sample.specks / 2] = 255
    if sample.hole:
        image = cv2.merge([*cv2.split(image), np.full(image.shape[:2], 255, np.uint8)])
        cv2.circle(image, (_CELL // 2, _CELL // 2), _CELL // 3, (255, 255, 255, 0), -1)
    if frame := sample.frame:
        image[:frame] = image[-frame:] = image[:, :frame] = image[:, -frame:] = 255
    edge = (_CELL - sample.crop) // 2
    return np.ascontiguousarray(image[edge : _CELL - edge, edge : _CELL - edge])


def _cell(image: Image) -> Image:
    """The image, laid over white, in the middle of a cell."""
    image = over_white(image)
    cell = np.full((_CELL, _CELL, 3), _BACKGROUND, np.uint8)
    height, width = image.shape[:2]
    top, left = (_CELL - height) // 2, (_CELL - width) // 2
    cell[top : top + height, left : left + width] = image.reshape(height, width, -1)
    return cell
