"""Colours under transparency stay where they are: no visible pixel depends on the colour of a transparent one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Alpha, bind, catalogue
from filterfleet.worker.filters.merge import Measured, Moved, Rows, no_rows, one_row
from filterfleet.worker.formats import Target, decode, read_header
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.check import joined
from filterfleet.worker.strips.run import stream
from filterfleet.worker.tree import grow
from tests.property.test_streaming_properties import Downward
from tests.property.test_strips_properties import EXAMPLES, drawn


def mixes(found):
    """Whether a pixel of the result depends on more than one pixel of the image."""
    merge = found.merge
    if isinstance(merge, Rows):
        return merge.halo is not no_rows or merge.align is not one_row
    return not isinstance(merge, Moved)


MIXING = [found for found in catalogue() if mixes(found)]


@st.composite
def see_through(draw, largest):
    """Gray or colour with alpha, and the same with other colours under transparency. Alpha has holes, islands and
    every other level.
    """
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    channels, dtype = draw(st.sampled_from([2, 4])), draw(st.sampled_from([np.uint8, np.uint16]))
    top = np.iinfo(dtype).max
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = random.integers(0, top + 1, (height, width, channels), dtype)
    smooth = cv2.GaussianBlur(random.random((height, width)), (0, 0), draw(st.floats(0.3, 12)))
    parts = np.quantile(smooth, sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1)))))
    alpha = np.where(smooth <= parts[0], 0, np.where(smooth > parts[1], top, image[:, :, -1]))
    image[:, :, -1] = alpha
    other = image.copy()
    other[alpha == 0, :-1] = random.integers(0, top + 1, (int((alpha == 0).sum()), channels - 1), dtype)
    return image, other


def values_of(data, found):
    values = drawn(data, found)
    if found.name == "trim":
        values["empty"] = "keep"
    if found.name in ("resize", "letterbox"):
        values |= {"width": data.draw(st.integers(1, 90)), "height": data.draw(st.integers(1, 90))}
    if found.name == "clahe":
        values["tiles"] = data.draw(st.integers(1, 8))  # each tile of a deep image counts 65,536 levels
    return values


@pytest.mark.parametrize("found", MIXING, ids=lambda found: found.name)
@settings(max_examples=2 * EXAMPLES)
@given(data=st.data())
def test_no_visible_pixel_depends_on_the_colour_of_a_transparent_one(found, data):
    bound = bind(Step(found.name, tuple(sorted(values_of(data, found).items()))))
    image, other = data.draw(see_through(40 if found.name == "nl_means" else 90))
    one, two = bound(image), bound(other)
    if found.alpha in (Alpha.DROPPED, Alpha.ON_WHITE):
        assert np.array_equal(one, two)
        return
    assert np.array_equal(one[..., -1], two[..., -1])
    visible = one[..., -1] > 0
    assert np.array_equal(one[visible], two[visible])


JOINED = [found for found in MIXING if isinstance(found.merge, Rows | Measured)]


@pytest.mark.parametrize("found", JOINED, ids=lambda found: found.name)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_strips_of_see_through_images_join_to_the_whole(found, data):
    bound = bind(Step(found.name, tuple(sorted(values_of(data, found).items()))))
    image, _ = data.draw(see_through(80 if found.name == "nl_means" else 300))
    assert np.array_equal(joined(bound, image, data.draw(st.integers(32, 100))), bound(image))


@given(
    see_through(300),
    st.sampled_from(["area", "nearest", "cubic"]),
    st.tuples(st.integers(1, 300), st.integers(1, 300)) | st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.integers(32, 100),
)
@settings(max_examples=150)
def test_see_through_images_are_resized_in_strips_as_whole(images, method, size, rows):
    image, _ = images
    height, width = image.shape[:2]
    if max(size) <= 8:  # whole ratios
        size = (max(1, width // size[0]), max(1, height // size[1]))
        image = image[: size[1] * (height // size[1]), : size[0] * (width // size[0])].copy()
        if method == "cubic":
            size = (image.shape[1] * 2, image.shape[0] * 2)
    bound = bind(Step("resize", (("height", size[1]), ("method", method), ("width", size[0]))))
    root = grow(Recipe((Output("small", (Step("resize", tuple(sorted(bound.values.items()))),)),)))
    try:
        streamed = stream(Downward(image), root, {"small": Target("tiff")}, rows=rows, limit=0)
    except ImageError:
        return
    file = streamed.files["small"]
    pixels = decode(file, read_header(file))
    assert np.array_equal(pixels, bound(image))
