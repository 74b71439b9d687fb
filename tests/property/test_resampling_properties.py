"""An image that is resized strip by strip has the pixels of cv2.resize, wherever this is promised."""

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.plan import bands
from filterfleet.worker.strips.resample import plan

METHODS = st.sampled_from([cv2.INTER_AREA, cv2.INTER_NEAREST, cv2.INTER_CUBIC])
sides = st.integers(1, 400)


@given(sides, sides, sides, sides, METHODS, st.sampled_from([1, 2, 3, 4]), st.booleans(), st.integers(32, 90))
@settings(max_examples=150)
@example(400, 300, 100, 100, cv2.INTER_AREA, 3, False, 50)  # whole numbers both ways
@example(400, 300, 100, 70, cv2.INTER_AREA, 3, True, 50)  # one way only
@example(301, 399, 301, 77, cv2.INTER_AREA, 1, False, 32)
@example(20, 300, 50, 450, cv2.INTER_CUBIC, 4, True, 32)
def test_strips_are_the_whole(
    width: int, height: int, new_width: int, new_height: int, method: int, channels: int, deep: bool, rows: int
) -> None:
    dtype = np.uint16 if deep else np.uint8
    rng = np.random.default_rng(width * 1000 + height)
    image = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    image = image[:, :, 0] if channels == 1 else image
    if method == cv2.INTER_CUBIC:  # random sizes hardly ever have such a ratio
        new_height = max(1, height // (width % 5 + 1)) * 2 ** (new_width % 4)
        height = new_height // 2 ** (new_width % 4) * (width % 5 + 1)
        image = np.resize(image, (height, *image.shape[1:]))
    try:
        resampling = plan(width, height, new_width, new_height, method)
    except ImageError:
        assume(False)
    parts = []
    for band in bands(height, rows):
        span = resampling.needs(band)
        parts.append(resampling.resize(image[span.top : span.bottom], band))
    whole = cv2.resize(image, (new_width, new_height), interpolation=method)
    assert np.array_equal(np.concatenate(parts).reshape(whole.shape), whole)
