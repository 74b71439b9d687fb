"""Filters that put rows elsewhere: strips make every row once, and together what the whole image gives."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Moved, Place, bind, catalogue, check_filter
from filterfleet.worker.filters.parameters import Integer
from filterfleet.worker.formats import Target, decode, read_header
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips import process_in_strips
from filterfleet.worker.tree import grow
from tests.property.test_strips_properties import images, valid

MOVED = [found for found in catalogue() if isinstance(found.merge, Moved)]


def near_the_image(parameter, side):
    """Integers are mostly smaller than the image's shorter side, so that a box seldom lies outside it."""
    if isinstance(parameter, Integer):
        inside = st.integers(parameter.minimum, max(parameter.minimum, side - 1))
        return st.one_of(inside, inside, inside, st.integers(parameter.minimum, 400))
    return valid(parameter)


def drawn(data, found, image):
    side = min(image.shape[:2])
    values = {name: data.draw(near_the_image(each, side), name) for name, each in found.parameters.items()}
    assume(not list(check_filter(found.name, values)))
    return bind(Step(found.name, tuple(sorted(values.items()))))


@pytest.mark.parametrize("found", MOVED, ids=lambda found: found.name)
@settings(max_examples=30)
@given(data=st.data())
def test_strips_make_every_row_once(found, data):
    image = data.draw(images())
    bound = drawn(data, found, image)
    height, width = image.shape[:2]
    try:
        whole = bound(image)
    except ImageError:
        assume(False)
    assert (whole.shape[1], whole.shape[0]) == found.merge.target(width, height, **bound.values)
    strip = data.draw(st.integers(1, height), "strip")
    result, times = np.zeros_like(whole), np.zeros(len(whole), int)
    for top in range(0, height, strip):
        rows = image[top : top + strip]
        first, last = found.merge.made(top, top + len(rows), width, height, **bound.values)
        if first < last:
            result[first:last] = bound(rows, Place(top, width, height))
            times[first:last] += 1
    assert set(times) == {1}
    assert np.array_equal(result, whole)


STEPS = {
    "crop": {"width": 90, "height": 333, "left": 7, "top": 101},
    "flip": {"direction": "both"},
    "pad": {"width": 400, "height": 700, "gravity": "bottom-right", "color": "#ff8000"},
}


@pytest.mark.parametrize("found", MOVED, ids=lambda found: found.name)
def test_a_file_streams_through(found):
    image = np.random.default_rng(1).integers(0, 256, (600, 300, 3), np.uint8)
    file = cv2.imencode(".png", image)[1].tobytes()
    steps = (Step("box_blur"), Step(found.name, tuple(sorted(STEPS[found.name].items()))), Step("sobel"))
    root = grow(Recipe((Output("o", steps),)))
    made = process_in_strips(file, read_header(file), root, {"o": Target("png")}, threads=2).files["o"]
    data = made.read(0, len(made))
    expected = image
    for step in steps:
        expected = bind(step)(expected)
    assert np.array_equal(decode(data, read_header(data)), expected)
