"""Filters that mix pixels weigh them by alpha: against formulas in numpy, and a disc that keeps its colour."""

import numpy as np
import PIL.Image
import pytest

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.filter_cases import CASES, as_declared, opaque, step, weighs
from tests.unit.filter_definitions import (
    IMAGES,
    LAPLACE,
    RELIEF,
    SCHARR,
    SOBEL,
    USERS,
    as_levels,
    neighbours,
    soft,
    top_of,
    weighted,
)


def weighted_mean(smooth):
    """smooth(colour * alpha) / smooth(alpha): multiplied by alpha, filtered, and divided again."""

    def compute(image, alpha):
        cover = alpha if image.ndim == 2 else alpha[:, :, None]
        weights = smooth(alpha) if image.ndim == 2 else smooth(alpha)[:, :, None]
        return smooth(image * cover) / np.where(weights > 0, weights, 1)

    return compute


def weighted_sum(kernel):
    """The pixel itself stands in for its neighbours, as far as they are transparent."""
    kernel = np.array(kernel, np.float64)

    def compute(image, alpha):
        cover = alpha if image.ndim == 2 else alpha[:, :, None]
        around, own = neighbours(image, *kernel.shape), image[..., None, None]
        shares = neighbours(np.broadcast_to(cover, image.shape), *kernel.shape)
        return ((shares * around + (1 - shares) * own) * kernel).sum(axis=(-2, -1))

    return compute


def gradient(kernel, scale=1.0):
    x, y = weighted_sum(kernel), weighted_sum(np.transpose(kernel))
    return lambda image, alpha: np.hypot(x(image, alpha), y(image, alpha)) * scale


def gaussian(size, sigma):
    line = cv2.getGaussianKernel(size, sigma)
    return lambda image: weighted(image, line * line.T)


def block_sums(image, size=8):
    result = np.zeros(image.shape)
    for y in range(0, image.shape[0], size):
        for x in range(0, image.shape[1], size):
            result[y : y + size, x : x + size] = image[y : y + size, x : x + size].sum(axis=(0, 1))
    return result


def sharpened(image, alpha):
    return 5 * image - 4 * weighted_mean(lambda samples: soft(samples, 2))(image, alpha)


def smaller(width, height, method):
    return weighted_mean(lambda samples: cv2.resize(samples, (width, height), interpolation=method))


def unclipped_lanczos(samples, width, height):
    planes = np.moveaxis(np.atleast_3d(samples.astype(np.float32)), 2, 0)
    resample = PIL.Image.Resampling.LANCZOS
    made = [np.asarray(PIL.Image.fromarray(plane).resize((width, height), resample)) for plane in planes]
    return np.dstack(made).squeeze()


FORMULAS = {
    "gaussian_blur": weighted_mean(gaussian(5, 1.4)),
    "box_blur": weighted_mean(lambda image: neighbours(image, 7, 7).mean(axis=(-2, -1))),
    "sharpen": sharpened,
    "sobel": gradient(SOBEL),
    "scharr": gradient(SCHARR, 4),
    "laplacian": lambda image, alpha: np.abs(weighted_sum(LAPLACE)(image, alpha)),
    "emboss": weighted_sum(RELIEF),
    "convolve": lambda image, alpha: weighted_sum(USERS)(image, alpha) / 2,
    "pixelate": weighted_mean(block_sums),
    "resize": weighted_mean(lambda samples: unclipped_lanczos(samples, 33, 21)),
    "thumbnail": smaller(31, 20, cv2.INTER_AREA),
}
# Where CASES has values that a formula above leaves out.
VALUES = {"convolve": {"kernel": USERS, "divisor": 2}}


def holed(image):
    """With holes of no alpha, of strange colours, and opaque parts."""
    image = image.copy()
    image[5:20, 30:50, -1] = 0
    image[25:40, 5:33, -1] = top_of(image)
    return image


HOLED = {kind: holed(image) for kind, image in IMAGES.items() if "A" in kind or "alpha" in kind}


@pytest.mark.parametrize("kind", HOLED)
@pytest.mark.parametrize("name", FORMULAS)
def test_colours_are_weighed_by_alpha(name, kind):
    case, image = CASES[name], HOLED[kind]
    bound = bind(step(name, **VALUES.get(name, case.values)))
    result = bound(image)
    colour, alpha = as_declared(image[:, :, :-1] if image.shape[2] == 4 else image[:, :, 0], case)[0], image[:, :, -1]
    expected = as_levels(FORMULAS[name](colour.astype(np.float64), alpha / top_of(image)), image)
    made = result[:, :, 0] if result.shape[2] == 2 else result[:, :, :-1]
    visible = result[:, :, -1] > (top_of(image) // 50 if name == "resize" else 0)  # some weights are below 0, too
    assert np.abs(made[visible].astype(np.int64) - expected[visible]).max() <= max(2, top_of(image) // 10000)
    assert np.array_equal(result[:, :, -1], bound(opaque_colours(image))[:, :, -1])


def opaque_colours(image):
    """Alpha alone decides about alpha."""
    return np.dstack([np.zeros_like(image[:, :, :-1]), image[:, :, -1]])


# Their statistics are those of the whole image, or of large tiles: see test_transparent_statistics.py.
STATISTICS = {"equalize", "clahe", "otsu", "auto_levels", "stretch", "white_balance", "match_histogram"}
FRAMES = {"background", "crop", "flip", "pad"}  # they take pixels as they are
MIXING = {name for name, case in CASES.items() if weighs(bind(step(name, **case.values)))} - STATISTICS - FRAMES
DERIVATIVES = {"sobel", "scharr", "laplacian"}


def disc(dtype, hidden):
    """A white disc with soft edges on a transparent ground of another colour."""
    top = np.iinfo(dtype).max
    y, x = np.indices((120, 150))
    cover = np.clip(40.5 - np.hypot(y - 60, x - 70), 0, 1)
    image = np.full((120, 150, 4), hidden, dtype)
    image[cover > 0, :3] = top
    image[:, :, 3] = np.rint(cover * top)
    return image


NEEDED = {
    "letterbox": {"width": 90, "height": 90, "color": "#ffffff"},
    "resize": {"width": 41},
    "smart_crop": {"width": 90},
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", sorted(MIXING - DERIVATIVES - {"convolve"}))
def test_a_white_disc_stays_white_on_a_transparent_ground(name, dtype):
    for values in (CASES[name].values, NEEDED.get(name, {})):
        result = bind(step(name, **values))(disc(dtype, 0))
        visible = result[:, :, 3] > 0
        assert visible.any()
        assert result[visible][:, :3].min() >= top_of(result) - top_of(result) // 250


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_one_colour_has_no_edge_where_it_ends(name):
    for dtype in (np.uint8, np.uint16):
        result = bind(step(name))(disc(dtype, 0))
        assert result[result[:, :, 1] > 0][:, 0].max() == 0


def test_a_median_takes_a_transparent_pixel_for_the_mean_of_the_others():
    image = np.zeros((5, 5, 2), np.uint8)
    image[:, :, 1] = 255
    image[:, :, 0] = 50
    image[2, :, 0] = 90
    image[:2] = (200, 0)
    result = bind(Step("median_blur", (("size", 3),)))(image)
    # Row 2 sees three 90, three 50, and three transparent pixels: each becomes 90, the mean of its visible neighbours.
    assert result[2, 2].tolist() == [90, 255]


def test_erosion_and_dilation_take_the_extremes_of_what_is_visible():
    image = np.full((9, 9, 2), (100, 255), np.uint8)
    image[4, 4] = (0, 0)
    image[4, 6] = (255, 0)
    for name in ("erode", "dilate", "open", "close"):
        result = bind(Step(name, (("shape", "rect"),)))(image)
        assert set(result[image[:, :, 1] > 0][:, 0]) == {100}
        assert np.array_equal(result[:, :, 1], image[:, :, 1])


def test_opaque_images_have_the_pixels_of_images_without_alpha():
    for name in MIXING - {"resize", "thumbnail"}:  # OpenCV itself resizes two channels unlike one, in the last bit
        for kind, image in HOLED.items():
            bound = bind(step(name, **CASES[name].values))
            plain = image[:, :, 0] if image.shape[2] == 2 else image[:, :, :3]
            result = bound(opaque(image))
            assert np.array_equal(result[:, :, :-1].squeeze(), bound(np.ascontiguousarray(plain)).squeeze()), kind
