"""For images of any size and content, the pipeline stores what OpenCV computes."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.worker.formats.bilevel import encode_bilevel_png
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2

dimensions = st.integers(1, 40)


def picture(height, width, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (3, 3), 0) if seed % 2 else noise


@given(dimensions, dimensions, st.integers(0, 2**32))
@example(1, 1, 0)
@example(3, 9, 0)
def test_a_bilevel_png_decodes_to_the_very_same_pixels(height, width, seed):
    image = (picture(height, width, seed)[:, :, 0] > 127).astype(np.uint8) * 255
    data = np.frombuffer(encode_bilevel_png(image), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), image)


@given(dimensions, dimensions, st.integers(0, 2**32))
@settings(max_examples=50)
def test_the_default_recipe_is_plain_opencv(height, width, seed):
    image = picture(height, width, seed)
    file = cv2.imencode(".png", image)[1].tobytes()
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    expected = [gray, cv2.GaussianBlur(image, (5, 5), 1.4), cv2.Canny(gray, 100, 200)]
    for blob, pixels in zip(process(file, DEFAULT).blobs, expected, strict=True):
        assert np.array_equal(cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED), pixels)
