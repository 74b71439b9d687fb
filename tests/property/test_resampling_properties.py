"""Changes of size: strips are the whole, and the whole is what Pillow makes."""

import numpy as np
import PIL.Image
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind, resampling
from filterfleet.worker.filters.framing import GRAVITIES
from filterfleet.worker.filters.merge import Resampled
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.plan import bands
from filterfleet.worker.strips.resample import plan

METHODS = st.sampled_from([cv2.INTER_AREA, cv2.INTER_NEAREST, *resampling.METHODS])
sides = st.integers(1, 400)


@given(sides, sides, sides, sides, METHODS, st.sampled_from([1, 2, 3, 4]), st.booleans(), st.integers(32, 90))
@settings(max_examples=80)
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
@settings(max_examples=50)
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
@settings(max_examples=30)
def test_an_even_area_stays_as_it_is(
    width: int, height: int, new_width: int, new_height: int, method: str, level: int
) -> None:
    image = np.full((height, width), level, np.uint16)
    assert (resampling.resample(image, (new_width, new_height), method) == level).all()


@given(sides, sides, sides, sides, st.sampled_from(resampling.METHODS), st.sampled_from(GRAVITIES), st.integers(32, 90))
@settings(max_examples=30)
def test_covering_cuts_off_what_is_left(
    width: int, height: int, new_width: int, new_height: int, method: str, gravity: str, rows: int
) -> None:
    image = noise(width, height, 3, np.uint8) // 4 + 96
    values = {"width": new_width, "height": new_height, "method": method, "fit": "cover", "gravity": gravity}
    bound = bind(Step("resize", tuple(sorted(values.items()))))
    merge = bound.filter.merge
    assert isinstance(merge, Resampled)
    whole = bound(image)
    assert whole.shape == (new_height, new_width, 3)
    part = merge.part(width, height, **bound.values)
    resampled = plan(width, height, new_width, new_height, method, part)
    parts = []
    for band in bands(height, rows):
        span = resampled.needs(band)
        parts.append(resampled.resize(image[span.top : span.bottom], band))
    assert np.array_equal(np.concatenate(parts), whole)
    if part is None or method not in PILLOWS:
        return
    left, top, wide, high = part
    assert wide * new_height == pytest.approx(high * new_width)
    assert "left" not in gravity or left == 0
    assert "bottom" not in gravity or top + high == pytest.approx(height)
    box = (left, top, min(left + wide, width), min(top + high, height))
    expected = PIL.Image.fromarray(image).resize((new_width, new_height), PILLOWS[method], box)
    assert np.abs(whole.astype(int) - np.asarray(expected)).max() <= 2


@given(sides, sides, sides, sides)
def test_inside_and_outside_keep_the_ratio(width: int, height: int, new_width: int, new_height: int) -> None:
    for fit, fits in (("inside", min), ("outside", max)):
        values = {"width": new_width, "height": new_height, "fit": fit}
        bound = bind(Step("resize", tuple(sorted(values.items()))))
        merge = bound.filter.merge
        assert isinstance(merge, Resampled)
        scale = fits(new_width / width, new_height / height)
        found = merge.target(width, height, **bound.values)
        assert new_width in found[:1] or new_height in found[1:]
        assert abs(found[0] - width * scale) <= 1
        assert abs(found[1] - height * scale) <= 1


def noise(width: int, height: int, channels: int, dtype: type[np.uint8 | np.uint16]) -> Image:
    rng = np.random.default_rng(width * 1000 + height)
    image = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    return image[:, :, 0] if channels == 1 else image
