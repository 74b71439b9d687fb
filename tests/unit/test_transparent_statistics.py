"""Filters that take statistics count each pixel by its alpha: against OpenCV on the visible pixels alone."""

import numpy as np
import pytest

from filterfleet.worker.filters import bind
from filterfleet.worker.filters.clahe import clahe_by_tables
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.check import joined
from tests.unit.filter_cases import opaque, step
from tests.unit.filter_definitions import IMAGES, top_of

LEVELS = np.random.default_rng(3).normal(120, 40, (90, 60)).clip(0, 255).astype(np.uint8)
GROUNDS = (0, 90, 255)  # levels under transparency


def on_a_ground(shown, level):
    """The gray picture in the middle of a larger, transparent one."""
    image = np.full((200, 150, 2), (level, 0), np.uint8)
    image[50:140, 40:100] = np.dstack([shown, np.full_like(shown, 255)])
    return image


@pytest.mark.parametrize("level", GROUNDS)
def test_equalization_is_that_of_what_is_visible(level):
    image = on_a_ground(LEVELS, level)
    for result in (bind(step("equalize"))(image), joined(bind(step("equalize")), image, 64)):
        assert np.array_equal(result[50:140, 40:100, 0], cv2.equalizeHist(LEVELS))
        assert np.array_equal(result[:, :, 1], image[:, :, 1])


@pytest.mark.parametrize("level", GROUNDS)
def test_otsus_level_is_that_of_what_is_visible(level):
    image = on_a_ground(LEVELS, level)
    for result in (bind(step("otsu"))(image), joined(bind(step("otsu")), image, 64)):
        assert np.array_equal(result[50:140, 40:100], cv2.threshold(LEVELS, 0, 255, cv2.THRESH_OTSU)[1])
        assert result[:50].min() == 255


def test_half_a_pixel_counts_half():
    """A picture of 2 pixels with alpha 51 to each pixel with alpha 102, and one in which these are as many as those."""
    shown = LEVELS.ravel()
    twice = np.concatenate([shown, shown, 255 - shown])
    weak = np.dstack([np.concatenate([shown, 255 - shown]), np.repeat([102, 51], shown.size)]).astype(np.uint8)
    result = bind(step("equalize"))(weak.reshape(2, -1, 2))
    assert np.array_equal(result[0, :, 0], cv2.equalizeHist(twice[None])[0, : shown.size])


@pytest.mark.parametrize("opaque", [None, 1])
@pytest.mark.parametrize("depth", [1, 257])
@pytest.mark.parametrize(("clip", "tiles"), [(2.0, 8), (40.0, 3), (0.1, 4)])
@pytest.mark.parametrize("shape", [(45, 70), (300, 401), (9, 64), (64, 64)])
def test_clahe_of_an_opaque_image_is_opencvs_at_8_bits(shape, clip, tiles, depth, opaque):
    """At 16 bits, it is the same within a level of 8 bits, whatever the image's size."""
    random = np.random.default_rng(shape[0])
    image = (cv2.GaussianBlur(random.random(shape), (0, 0), 4) * 255).astype(np.uint8)
    given = image.astype(np.uint16) * 257 if depth > 1 else image
    alpha = opaque and np.full_like(given, 255 * depth)
    expected = cv2.createCLAHE(clip, (tiles, tiles)).apply(image)
    assert np.abs(clahe_by_tables(given, alpha, clip, (tiles, tiles)) / depth - expected).max() <= 1


@pytest.mark.parametrize("level", GROUNDS)
def test_clahe_of_whole_tiles_that_are_visible_is_that_of_these_alone(level):
    """Two of four tiles are visible. Beyond the middle of the last one, nothing else is blended in."""
    image = np.full((200, 120, 2), (level, 0), np.uint8)
    image[:90, :60] = image[:90, 60:] = np.dstack([LEVELS, np.full_like(LEVELS, 255)])
    image[90:100] = image[80:90]
    result = bind(step("clahe", tiles=2))(image)
    expected = cv2.createCLAHE(2.0, (2, 1)).apply(np.ascontiguousarray(image[:100, :, 0]))
    assert np.abs(result[:100, :, 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["equalize", "clahe", "otsu"])
@pytest.mark.parametrize("kind", [kind for kind in IMAGES if "A" in kind or "alpha" in kind])
def test_an_opaque_image_has_the_pixels_of_one_without_alpha_and_an_invisible_one_is_done(name, kind):
    image = opaque(IMAGES[kind])
    plain = np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 2 else image[:, :, :3])
    bound = bind(step(name))
    colours = bound(image) if name == "otsu" else bound(image)[:, :, :-1].squeeze()
    assert np.array_equal(colours, bound(plain))
    image[:, :, -1] = 0
    result = bound(image)
    assert (result == 255).all() if name == "otsu" else (result[:, :, -1] == 0).all()
    assert top_of(result) in (255, 65535)
