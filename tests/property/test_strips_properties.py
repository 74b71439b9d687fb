"""An image that is cut into strips, filtered and joined equals the filtered image, byte for byte."""

import os

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind, catalogue, check_filter
from filterfleet.worker.filters.merge import Measured, Rows
from filterfleet.worker.filters.parameters import Boolean, Choice, Color, Integer, Kernel, Number, Picture, Points, Text
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.check import joined

EXAMPLES = int(os.environ.get("FILTERFLEET_EXAMPLES", "8"))  # for each filter


def png(height, width, channels):
    noise = np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


PICTURES = tuple(png(height, width, channels) for height, width, channels in ((40, 61, 4), (1, 9, 3), (130, 7, 4)))


def valid(parameter):
    """Values that a parameter takes, including both ends of its range."""
    match parameter:
        case Integer():
            values = st.integers(parameter.minimum, parameter.maximum)
            return values.map(lambda value: value | 1) if parameter.odd else values
        case Number():
            return st.floats(parameter.minimum, parameter.maximum) | st.sampled_from(
                [parameter.minimum, parameter.maximum]
            )
        case Boolean():
            return st.booleans()
        case Choice():
            return st.sampled_from(parameter.choices)
        case Text():
            letters = st.characters(min_codepoint=32, max_codepoint=0x17F, categories=["L", "N", "P"])
            return st.text(letters, min_size=1, max_size=parameter.limit)
        case Color():
            return st.integers(0, 0xFFFFFF).map("#{:06x}".format)
        case Kernel():
            sides = st.integers(0, parameter.side // 2).map(lambda half: 2 * half + 1)
            weights = st.floats(-2, 2, width=32) | st.floats(-parameter.magnitude, parameter.magnitude)
            return st.tuples(sides, sides).flatmap(
                lambda size: st.lists(st.lists(weights, min_size=size[1], max_size=size[1]).map(tuple),
                                      min_size=size[0], max_size=size[0]).map(tuple)
            )  # fmt: skip
        case Points():
            percent = st.integers(0, 1000).map(lambda tenths: tenths / 10)
            firsts = st.lists(percent, min_size=2, max_size=parameter.most, unique=True).map(sorted)
            return firsts.flatmap(lambda xs: st.tuples(*(percent.map(lambda y, x=x: (x, y)) for x in xs)))
        case Picture():
            return st.sampled_from(PICTURES)
    raise AssertionError(f"no values for {parameter}")


def drawn(data, found):
    """Values of all parameters of a filter that it takes together."""
    values = {name: data.draw(valid(parameter), name) for name, parameter in found.parameters.items()}
    if found.name == "mix":
        values["matrix"] = tuple(tuple(data.draw(st.floats(-2, 2)) for _ in range(3)) for _ in range(3))
    assume(not list(check_filter(found.name, values)))
    return values


@st.composite
def images(draw, largest=300):
    """Smooth and rough images, gray and colour, with and without alpha, in 8 and 16 bits."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    channels = draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)
    if draw(st.booleans()):
        image = cv2.GaussianBlur(image, (7, 7), 0).reshape(height, width, channels)
    return image if channels > 1 else np.ascontiguousarray(image[:, :, 0])


LOCAL = [found for found in catalogue() if isinstance(found.merge, Rows | Measured)]


@pytest.mark.parametrize("found", LOCAL, ids=lambda found: found.name)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_strips_join_to_the_whole(found, data):
    values = drawn(data, found)
    largest = 80 if found.name == "nl_means" else 300
    image = data.draw(images(largest))
    strip = data.draw(st.integers(1, image.shape[0]), "strip")
    bound = bind(Step(found.name, tuple(sorted(values.items()))))
    whole = bound(image)
    assert np.array_equal(joined(bound, image, strip), whole)
