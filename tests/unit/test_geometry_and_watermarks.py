"""The sizes that resizing gives, and the places of watermarks."""

import numpy as np
import pytest

from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind
from filterfleet.worker.pixels.opencv import cv2


def step(name, **values):
    return Step(name, tuple(sorted(values.items())))


@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ({"width": 50}, (100, 60), (50, 30)),
        ({"height": 50}, (100, 60), (83, 50)),
        ({"width": 7, "height": 9}, (100, 60), (7, 9)),
        ({"width": 3}, (1000, 1), (3, 1)),
        ({"width": 200, "method": "lanczos"}, (100, 60), (200, 120)),
    ],
)
def test_resize_keeps_the_ratio_when_one_side_is_missing(values, size, expected):
    image = np.zeros((size[1], size[0]), np.uint8)
    assert bind(step("resize", **values))(image).shape == expected[::-1]


def test_an_image_is_not_enlarged_without_limit():
    with pytest.raises(ImageError, match=r"^The image would be enlarged to over 128 megapixels: 40000 x 20000\.$"):
        bind(step("resize", width=40_000))(np.zeros((10, 20), np.uint8))


def test_a_side_ends_at_a_million_pixels():
    with pytest.raises(ImageError, match=r"would be 1000016 x 16 pixels; a side may have at most 1000000\.$"):
        bind(step("resize", height=16))(np.zeros((1, 62_501), np.uint8))


def test_resize_needs_a_size():
    with pytest.raises(RecipeError, match=r"^Filter 'resize' needs a width, a height or both\.$"):
        bind(step("resize", method="area"))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (320, 240)), ((480, 640), (240, 320)), ((1000, 1), (320, 1)), ((1, 999), (1, 320)), ((30, 20),) * 2],
)
def test_a_thumbnail_fits_and_never_grows(size, expected):
    assert bind(step("thumbnail"))(np.zeros((size[1], size[0]), np.uint8)).shape == expected[::-1]


@pytest.mark.parametrize(
    ("values", "box"),
    [
        ({"ratio": 1}, (20, 0, 60, 60)),
        ({"ratio": 1, "gravity": "right"}, (40, 0, 60, 60)),
        ({"ratio": 16 / 9}, (0, 2, 100, 56)),
        ({"ratio": 0.5, "width": 20, "left": 3}, (3, 10, 20, 40)),
        ({"ratio": 2, "left": 90, "top": 50}, (90, 50, 10, 5)),
        ({"ratio": 1000}, (0, 29, 100, 1)),
        ({"ratio": 5e-324}, (49, 0, 1, 60)),
    ],
)
def test_crop_keeps_the_largest_part_of_a_ratio(values, box):
    image = np.arange(6000, dtype=np.uint16).reshape(60, 100)
    left, top, width, height = box
    assert np.array_equal(bind(step("crop", **values))(image), image[top : top + height, left : left + width])


# --- watermarks -----------------------------------------------------------------------------------------------------

POSITIONS = ("top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right")


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


LOGO = cv2.imencode(".png", noise(9, 20, 4))[1].tobytes()
WATERMARKS = {"watermark_text": {"text": "© Größe"}, "watermark_image": {"picture": LOGO}}


def touched(image, result):
    """(top, bottom, left, right) of the pixels that differ."""
    differs = image != result if image.ndim == 2 else (image != result).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


@pytest.mark.parametrize("name", WATERMARKS)
@pytest.mark.parametrize("position", POSITIONS)
def test_a_watermark_is_where_it_should_be_and_nowhere_else(name, position):
    black = np.zeros((300, 600, 3), np.uint8)
    values = {"opacity": 1, "position": position, "margin": 3} | WATERMARKS[name]
    top, bottom, left, right = touched(black, bind(step(name, **values))(black))
    row, column = divmod(POSITIONS.index(position), 3)
    assert (top >= 9, 299 - bottom >= 9, left >= 9, 599 - right >= 9) == (True,) * 4
    assert (top + bottom) / 2 == pytest.approx((24, 149, 275)[row], abs=26)
    assert (left + right) / 2 == pytest.approx((60, 299, 540)[column], abs=30)


def test_text_has_the_color_where_it_is_opaque():
    gray = np.full((100, 300), 128, np.uint8)
    values = {"text": "█" * 3, "size": 30, "opacity": 1, "color": "#ff8000"}
    for image, expected in (
        (gray, [round(0.299 * 255 + 0.587 * 128)]),
        (cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), [0, 128, 255]),
        (np.full((100, 300, 3), 32768, np.uint16), [0, 128 * 257, 65535]),
    ):
        result = bind(step("watermark_text", **values))(image)
        found = np.unique(result[image != result].reshape(-1)) if image.ndim == 2 else result.reshape(-1, 3)
        assert (np.abs(found.reshape(-1, len(expected)).astype(int) - expected) <= 1).all(axis=1).any()


def test_long_text_shrinks_until_it_fits():
    black = np.zeros((200, 300), np.uint8)
    result = bind(step("watermark_text", text="a long line of words " * 4, size=30, margin=0))(black)
    top, bottom, left, right = touched(black, result)
    assert right - left > 200
    assert bottom - top < 20


def test_writings_of_the_world_are_drawn():
    black = np.zeros((80, 600), np.uint8)
    texts = ("ÄÖ", "日本", "Ωμέγα", "Жж", "??")
    drawn = [bind(step("watermark_text", text=text, size=40))(black).tobytes() for text in texts]
    assert len({black.tobytes(), *drawn}) == len(texts) + 1


def test_letters_that_macos_takes_apart_and_spaces_that_break_no_line_are_drawn_as_usual():
    black = np.zeros((80, 600), np.uint8)
    drawn = [bind(step("watermark_text", text=text, size=40))(black) for text in ("Ren\u00e9 :", "Rene\u0301\u202f:")]
    assert np.array_equal(*drawn)
    assert drawn[0].any()


@pytest.mark.parametrize("name", WATERMARKS)
@pytest.mark.parametrize("shape", [(45, 70), (45, 70, 3), (45, 70, 4)])
def test_no_opacity_is_no_watermark(name, shape):
    for image in (noise(*shape), noise(*shape).astype(np.uint16) * 257):
        assert np.array_equal(bind(step(name, opacity=0, **WATERMARKS[name]))(image), image)


def test_a_picture_of_the_same_size_replaces_what_it_covers_as_far_as_it_is_opaque():
    image, logo = noise(45, 70, 3), noise(45, 70, 4)
    data = cv2.imencode(".png", logo)[1].tobytes()
    result = bind(step("watermark_image", picture=data, scale=100, margin=0, opacity=0.5))(image)
    share = logo[:, :, 3:] / 255 * 0.5
    assert np.abs(result - (image * (1 - share) + logo[:, :, :3] * share)).max() <= 0.51


def test_a_transparent_part_of_a_picture_has_no_color_that_bleeds():
    logo = np.zeros((40, 40, 4), np.uint8)
    logo[:, :20] = 255  # opaque white beside transparent black
    data = cv2.imencode(".png", logo)[1].tobytes()
    white = np.full((100, 100, 3), 255, np.uint8)
    for scale in (9, 17, 90):
        result = bind(step("watermark_image", picture=data, scale=scale, opacity=1))(white)
        assert np.array_equal(result, white)
