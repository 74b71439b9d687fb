"""Filters that gather pixels from all over the image: what strips make is what the whole image gives."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Gathered, bind, catalogue
from filterfleet.worker.formats import Target, decode, read_header
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.blocks import Blocks, Drawn
from filterfleet.worker.strips.run import stream
from filterfleet.worker.strips.span import Span
from filterfleet.worker.tree import grow
from tests.property.test_moved_properties import drawn
from tests.property.test_streaming_properties import Downward
from tests.property.test_strips_properties import images

GATHERED = [found for found in catalogue() if isinstance(found.merge, Gathered)]


@pytest.mark.parametrize("found", GATHERED, ids=lambda found: found.name)
@settings(max_examples=8)
@given(data=st.data())
def test_rows_that_are_drawn_alone_are_those_of_the_whole(found, data):
    image = data.draw(images())
    bound = drawn(data, found, image)
    height, width = image.shape[:2]
    try:
        whole = bound(image)
    except ImageError:
        assume(False)
    most = found.merge.target(width, height, **bound.values)
    assert whole.shape[1] <= most[0]
    assert whole.shape[0] <= most[1]
    assert not found.merge.certain or (whole.shape[1], whole.shape[0]) == most
    blocks = Blocks(width, height)
    cut = data.draw(st.integers(1, height), "cut")
    for top in reversed(range(0, height, cut)):
        blocks.write(top, image[top : top + cut])
    result = Drawn(blocks, found.merge.draw(blocks, **bound.values))
    assert (result.width, result.height) == (whole.shape[1], whole.shape[0])
    first = data.draw(st.integers(0, result.height - 1), "first")
    last = data.draw(st.integers(first + 1, result.height), "last")
    assert np.array_equal(result.read(Span(first, last)), whole[first:last])
    result.close()


STEPS = {
    "deskew": {"most": 5, "fit": "expand", "color": "#ff8000"},
    "letterbox": {"width": 333, "height": 500},
    "rotate": {"angle": 33.3, "interpolation": "cubic", "opacity": 0.5},
    "smart_crop": {"width": 150, "height": 301},
    "trim": {"threshold": 60, "margin": 3},
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("limit", [0, pytest.param(1 << 30, marks=pytest.mark.slow)])
def test_a_file_streams_through(name, limit):
    """Before a step that needs neighbours, and after one; what comes out goes on in strips, or whole."""
    image = np.full((600, 300, 4), 200, np.uint8)
    image[100:500, 50:280] = np.random.default_rng(1).integers(0, 256, (400, 230, 4), np.uint8)
    steps = (Step("box_blur"), Step(name, tuple(sorted(STEPS[name].items()))), Step("sobel"))
    root = grow(Recipe((Output("o", steps),)))
    made = stream(Downward(image), root, {"o": Target("png")}, threads=2, limit=limit, rows=128).files["o"]
    data = made.read(0, len(made))
    made.close()
    expected = image
    for step in steps:
        expected = bind(step)(expected)
    assert np.array_equal(decode(data, read_header(data)), expected)


@pytest.mark.slow
def test_a_page_is_straightened_in_strips():
    page = np.full((1400, 1000), 255, np.uint8)
    for line in range(100, 1300, 40):
        cv2.putText(page, "Any text that fills the page", (80, line), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 0, 3)
    skewed = bind(Step("rotate", (("angle", 4.2), ("fit", "keep"))))(page)
    root = grow(Recipe((Output("o", (Step("deskew"),)),)))
    made = stream(Downward(skewed), root, {"o": Target("png")}, rows=128).files["o"]
    data = made.read(0, len(made))
    made.close()
    straight = decode(data, read_header(data))
    assert np.array_equal(straight, bind(Step("deskew"))(skewed))
    assert np.abs(straight[300:1000, 300:700].astype(int) - page[300:1000, 300:700]).mean() < 25
