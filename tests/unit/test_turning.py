"""Filters that turn the image or look for a part of it, against Pillow and scipy, and on pages whose skew is known."""

import itertools
import math

import numpy as np
import PIL.Image
import pytest
import scipy.ndimage

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import bind
from filterfleet.worker.filters.drawing import InMemory
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.filter_cases import opaque, step
from tests.unit.filter_definitions import IMAGES, as_levels, top_of


def apply(name, image, **values):
    return bind(step(name, **values))(image)


def smooth(image):
    return cv2.GaussianBlur(image, (0, 0), 2).reshape(image.shape)


@pytest.mark.parametrize("kind", IMAGES)
def test_rotate_is_scipys(kind):
    """Within what 1/64 of a pixel, across and down, makes of the steepest slope. The nearest pixel is the same one,
    unless the place is in the middle between two.
    """
    for interpolation, order in (("nearest", 0), ("linear", 1)):
        is_scipys(smooth(opaque(IMAGES[kind])), interpolation, order)


def is_scipys(image, interpolation, order):
    height, width = image.shape[:2]
    turn = math.radians(17)
    y, x = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    places = [
        np.cos(turn) * y - np.sin(turn) * x + (height - 1) / 2,
        np.cos(turn) * x + np.sin(turn) * y + (width - 1) / 2,
    ]
    planes = np.moveaxis(np.atleast_3d(image.astype(np.float64)), 2, 0)
    expected = np.dstack([scipy.ndimage.map_coordinates(plane, places, order=order) for plane in planes])
    result = apply("rotate", image, angle=17, fit="keep", interpolation=interpolation, color="#000000")
    inner = (places[0] > 1) & (places[0] < height - 2) & (places[1] > 1) & (places[1] < width - 2)
    if order == 0:
        inner &= np.all([np.abs(place % 1 - 0.5) > 1 / 32 for place in places], axis=0)
    slope = max(np.abs(np.diff(planes, axis=axis)).max() for axis in (1, 2))
    allowed = order * (1 + slope * 2 / 64)
    assert inner.sum() > 1000
    assert np.abs(np.atleast_3d(result).astype(np.float64) - expected)[inner].max() <= allowed


@pytest.mark.parametrize("kind", IMAGES)
def test_quarter_turns_are_exact(kind):
    for fit, angle in itertools.product(("expand", "keep", "inside"), (-360, -90, 0, 90, 180, 270)):
        assert np.array_equal(apply("rotate", IMAGES[kind], angle=angle, fit=fit), np.rot90(IMAGES[kind], -angle // 90))


@pytest.mark.parametrize("angle", [1, 20, 45, 70, 89.5, 100, 200, -33])
def test_inside_has_no_corner_and_expand_loses_nothing(angle):
    for width, height in [(70, 45), (45, 70), (60, 60), (300, 7)]:
        loses_nothing(angle, width, height)


def loses_nothing(angle, width, height):
    white = np.full((height, width), 255, np.uint8)
    inside = apply("rotate", white, angle=angle, fit="inside", color="#000000")
    assert inside[1:-1, 1:-1].min(initial=255) >= 250
    assert inside.size >= 1
    whole = apply("rotate", white, angle=angle, fit="expand", color="#000000")
    assert whole.sum() / 255 == pytest.approx(width * height, rel=0.01)
    assert whole[0].max() > 0
    assert whole[:, -1].max() > 0


def test_a_transparent_image_keeps_its_colours_when_it_is_turned():
    image = np.zeros((60, 60, 4), np.uint16)
    image[20:40, 20:40] = (1000, 2000, 3000, 65535)
    result = apply("rotate", image, angle=30, opacity=0)
    visible = result[:, :, 3] > 500
    assert np.abs(result[visible][:, :3].astype(int) - (1000, 2000, 3000)).max() <= 2
    assert result[0, 0, 3] == 0


def page(lines=12):
    made = np.full((700, 600), 235, np.uint8)
    for line in range(lines):
        cv2.putText(made, "A page of text is", (60, 100 + line * 45), cv2.FONT_HERSHEY_SIMPLEX, 1.3, 20, 2)
    return made


@pytest.mark.parametrize("angle", [-9.5, -3.25, 0.75, 6])
def test_a_skewed_page_becomes_level(angle):
    turned = PIL.Image.fromarray(page()).rotate(-angle, PIL.Image.Resampling.BICUBIC, fillcolor=235)
    noise = np.random.default_rng(3).normal(0, 10, (700, 600))
    skewed = as_levels(np.asarray(turned) + noise + np.linspace(-60, 0, 600), page())
    back = apply("deskew", skewed, color="#ebebeb")
    rows = (back[50:-50, 150:-150] < 100).mean(axis=1)
    level = (page()[50:-50, 150:-150] < 100).mean(axis=1)
    assert np.corrcoef(rows, level)[0, 1] > 0.95
    assert np.array_equal(apply("deskew", skewed, most=abs(angle) / 2), skewed) or angle == 0.75


def test_what_has_no_lines_is_not_turned():
    for image in (IMAGES["BGR 8"], np.zeros((50, 50), np.uint8), np.full((1, 1), 9, np.uint16)):
        assert np.array_equal(apply("deskew", image), image)


@pytest.mark.parametrize("kind", IMAGES)
def test_trim_leaves_what_a_border_was_put_around(kind):
    image = opaque(IMAGES[kind])
    top = top_of(image)
    image[0, 5], image[-1, 9], image[7, 0], image[30, -1] = top, top, top, top
    paper = [0] * image[0, 0].size
    paper[-1] = top if len(paper) in (2, 4) else 0
    framed = cv2.copyMakeBorder(image, 9, 1, 4, 30, cv2.BORDER_CONSTANT, value=paper)
    assert np.array_equal(apply("trim", framed), image)
    assert np.array_equal(apply("trim", framed, color="#000000"), image)
    assert np.array_equal(apply("trim", framed, margin=2), framed[7:, 2:-28])


def test_transparent_pixels_are_border():
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 4), np.uint8)
    image[:, :, 3] = 0
    image[10:20, 5:9, 3] = 255
    assert np.array_equal(apply("trim", image), image[10:20, 5:9])


def test_an_image_that_is_all_border_is_refused_or_kept():
    blank = np.full((30, 40, 3), 77, np.uint8)
    with pytest.raises(ImageError, match="'trim' leaves nothing of the image"):
        apply("trim", blank)
    assert np.array_equal(apply("trim", blank, empty="keep"), blank)


@pytest.mark.parametrize("by", ["attention", "entropy"])
def test_smart_crop_finds_what_stands_out(by):
    image = np.full((900, 1600, 3), 120, np.uint8)
    image[600:700, 1200:1300] = np.random.default_rng(1).integers(0, 256, (100, 100, 3), np.uint8)
    kept = apply("smart_crop", image, width=400, height=300, by=by)
    assert kept.shape == (300, 400, 3)
    assert (kept != 120).any(axis=2).mean() > 0.08


@pytest.mark.parametrize("channels", [2, 4])
def test_corners_that_nobody_sees_are_the_same_whichever_rows_are_drawn_together(channels):
    """A tile that lies beyond the image has no pixel of it with which its corner could be mixed."""
    image = np.random.default_rng(1).integers(1, 256, (400, 40, channels), np.uint8)
    values = {"angle": 45, "fit": "expand", "interpolation": "linear", "color": "#ffffff", "opacity": 0}
    drawing = bind(step("rotate", **values)).filter.merge.draw(InMemory(image), **values)
    whole = drawing.rows(0, drawing.height)
    pieces = [drawing.rows(top, min(top + 10, drawing.height)) for top in range(0, drawing.height, 10)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert not whole[whole[:, :, -1] == 0].any()
