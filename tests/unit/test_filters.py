"""Every filter against its computation, written in another way, on every kind of image."""

import numpy as np
import pytest

from filterfleet.worker.filters import bind, catalogue, clahe, histogram, names
from filterfleet.worker.filters.merge import Chain, Resizing
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.filter_cases import CASES, WATERMARKS, as_declared, opaque, step, weighs
from tests.unit.filter_definitions import IMAGES


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", CASES)
def test_a_filter_computes_what_its_name_says(name, kind):
    case = CASES[name]
    bound = bind(step(name, **case.values))
    given = opaque(IMAGES[kind]) if weighs(bound) else IMAGES[kind]
    image, alpha = as_declared(given, case)
    expected = case.compute(image)
    if alpha is not None:
        expected = np.dstack([expected, alpha])
    result = bound(given)
    assert result.shape == expected.shape
    assert result.dtype == image.dtype
    deep = case.tolerance_at_16_bits if image.dtype == np.uint16 else None
    assert np.abs(result.astype(np.int64) - expected).max() <= (case.tolerance if deep is None else deep)


def test_every_filter_is_tested_here():
    assert set(names()) == CASES.keys() | WATERMARKS.keys()
    assert len(names()) >= 30


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("found", catalogue(), ids=lambda found: found.name)
def test_a_filter_never_changes_its_input_and_does_the_same_every_time(found, kind):
    name = found.name
    bound = bind(step(name, **(CASES[name].values if name in CASES else WATERMARKS[name])))
    image = IMAGES[kind].copy()
    first = bound(image)
    assert np.array_equal(image, IMAGES[kind])
    assert np.array_equal(first, bound(image))
    assert set(np.unique(first)) <= {0, 255} or not found.bilevel
    assert found.summary.endswith(".")


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 40, 4), (40, 1, 2), (2, 3)])
@pytest.mark.parametrize("found", catalogue(), ids=lambda found: found.name)
def test_a_filter_takes_the_smallest_images(found, shape):
    needed = {"crop": {"width": 1}, "trim": {"empty": "keep"}, "resize": {"width": 33}, "pad": {"width": 90}}
    needed |= {name: CASES[name].values for name in ("convolve", "channel", "match_histogram")} | WATERMARKS
    needed |= {"smart_crop": {"width": 30}, "letterbox": {"width": 40, "height": 40}}
    for dtype in (np.uint8, np.uint16):
        result = bind(step(found.name, **needed.get(found.name, {})))(np.full(shape, 200, dtype))
        assert 0 not in result.shape
        if not isinstance(found.merge, Resizing | Chain):
            assert result.shape[:2] == shape[:2]


# --- histograms -----------------------------------------------------------------------------------------------------


def test_otsu_and_equalization_are_opencvs_for_any_histogram():
    random = np.random.default_rng(11)
    for n in range(300):
        shape = random.integers(1, 80, 2)
        levels = random.integers(0, 256, random.integers(1, 2 + n % 40)).astype(np.uint8)
        bell = random.normal(n % 255, 30, shape).clip(0, 255).astype(np.uint8)
        image = random.choice(levels, shape) if n % 2 else bell
        counts = histogram.count(image)
        assert counts.tolist() == np.bincount(image.ravel(), minlength=256).tolist()
        assert histogram.otsu(counts) == cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)[0]
        assert np.array_equal(cv2.LUT(image, histogram.equalizing(counts)), cv2.equalizeHist(image))


def test_a_histogram_counts_beyond_what_float32_can():
    level = np.full((4100, 4100), 7, np.uint8)  # over 2^24 pixels
    level[0, 0] = 8
    assert histogram.count(level)[7:9].tolist() == [4100 * 4100 - 1, 1]


@pytest.mark.parametrize("transparent", [False, True])
def test_the_tables_of_clahe_give_the_same_pixels_drawn_out_or_not(monkeypatch, transparent):
    random = np.random.default_rng(2)
    gray = random.integers(0, 1 << 16, (300, 260), np.uint16)
    alpha = random.integers(0, 1 << 16, gray.shape, np.uint16) if transparent else None
    results = []
    for pixels in (0, gray.size):
        monkeypatch.setattr(clahe, "_DRAWN_OUT", pixels)
        results.append(clahe.clahe_by_tables(gray, alpha, 3, (3, 2)))
    assert np.array_equal(*results)


# --- depth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(65536, 1), (4096, 16), (2048, 8, 4), (1, 65536)])
def test_each_level_of_16_bits_becomes_the_nearest_of_8(shape):
    """In any place of a row, since libraries compute many samples at once, and the last ones of a row by other code."""
    levels = np.arange(65536)
    for shift in (0, 1, 7):
        image = np.roll(levels, shift).astype(np.uint16).reshape(shape)
        assert np.array_equal(to_8_bits(image), np.rint(image / 257).astype(np.uint8))
    assert to_8_bits(np.zeros((0, 5, 3), np.uint16)).shape == (0, 5, 3)
