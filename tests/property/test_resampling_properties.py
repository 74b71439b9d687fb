"""Changes of size: strips are the whole, and the whole is what Pillow makes."""

import numpy as np
import PIL.Image
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import resampling
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.plan import bands
from filterfleet.worker.strips.resample import plan

METHODS = st.sampled_from([cv2.INTER_AREA, cv2.INTER_NEAREST, *resampling.METHODS])
sides = st.integers(1, 400)


@given(sides, sides, sides, sides, METHODS, st.sampled_from([1, 2, 3, 4]), st.booleans(), st.integers(32, 90))
@settings(max_examples=150)
@example(400, 300, 100, 100, cv2.INTER_AREA, 3, False, 50)  # whole numbers both ways
@example(400, 300, 100, 70, cv2.INTER_AREA, 3, True, 50)  # one way only
@example(301, 399, 301, 77, cv2.INTER_AREA, 1, False, 32)
@example(20, 300, 50, 450, "cubic", 4, True, 32)
@example(300, 400, 77, 399, "lanczos", 3, False, 32)
@example(300, 100, 60, 300, "area", 3, False, 32)
def test_strips_are_the_whole(
    width: int,
    height: int,
    new_width: int,
    new_height: int,
    method: int | str,
    channels: int,
    deep: bool,
    rows: int,
) -> None:
    image = noise(width, height, channels, np.uint16 if deep else np.uint8)
    size = new_width, new_height
    try:
        resampled = plan(width, height, *size, method)
    except ImageError:
        assert isinstance(method, int)  # a method of OpenCV that strips cannot repeat
        assume(False)
    parts = []
    for band in bands(height, rows):
        span = resampled.needs(band)
        parts.append(resampled.resize(image[span.top : span.bottom], band))
    if isinstance(method, str):
        whole = resampling.resample(image, size, method)
    else:
        whole = cv2.resize(image, size, interpolation=method)
    assert np.array_equal(np.concatenate(parts).reshape(whole.shape), whole)


PILLOWS = {
    "linear": PIL.Image.Resampling.BILINEAR,
    "cubic": PIL.Image.Resampling.BICUBIC,
    "lanczos": PIL.Image.Resampling.LANCZOS,
}


@given(sides, sides, sides, sides, st.sampled_from(list(PILLOWS)), st.sampled_from([1, 3]))
@settings(max_examples=100)
@example(64, 64, 21, 21, "linear", 1)
def test_it_is_what_pillow_makes(
    width: int, height: int, new_width: int, new_height: int, method: str, channels: int
) -> None:
    """Where a kernel goes beyond black or white in its first pass, Pillow clips, in an order of passes of its own."""
    image = noise(width, height, channels, np.uint8) // 4 + 96
    expected = np.asarray(PIL.Image.fromarray(image).resize((new_width, new_height), PILLOWS[method]))
    result = resampling.resample(image, (new_width, new_height), method)
    assert np.abs(result.astype(int) - expected).max() <= 2
    deep = resampling.resample(image.astype(np.uint16) * 257, (new_width, new_height), method)
    assert np.abs(deep / 257 - result).max() <= 1


@given(sides, sides, sides, sides, st.sampled_from(resampling.METHODS), st.integers(0, 65535))
@settings(max_examples=60)
def test_an_even_area_stays_as_it_is(
    width: int, height: int, new_width: int, new_height: int, method: str, level: int
) -> None:
    image = np.full((height, width), level, np.uint16)
    assert (resampling.resample(image, (new_width, new_height), method) == level).all()


def noise(width: int, height: int, channels: int, dtype: type[np.uint8 | np.uint16]) -> Image:
    rng = np.random.default_rng(width * 1000 + height)
    image = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    return image[:, :, 0] if channels == 1 else image
