"""Filters against scipy and Pillow, where these compute the same: on 8 and 16 bits, gray and colour."""

import numpy as np
import PIL.Image
import pytest
import scipy.ndimage

from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.worker.filters import Border, bind, catalogue, check_filter, doubts
from filterfleet.worker.filters.merge import Chain, Hysteresis, Resampled, Rows, no_rows
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.opencv import cv2, without_ipp
from filterfleet.worker.tree import grow
from tests.unit.filter_cases import step
from tests.unit.filter_definitions import IMAGES, as_levels, neighbours, top_of

OPAQUE = [kind for kind in IMAGES if "A" not in kind and "alpha" not in kind]
GRAY = ["gray 8", "gray 16"]
OF_8_BITS = [kind for kind in IMAGES if kind.endswith(" 8")]
NL_MEANS = [(7, 15, 5.0), (1, 9, 0.1), (9, 15, 100.0), (15, 15, 25.0), (3, 35, 40.0), (11, 3, 60.0)]


def channelwise(image, function):
    planes = np.moveaxis(np.atleast_3d(image), 2, 0)
    return np.dstack([function(plane) for plane in planes]).reshape(image.shape)


def farthest(result, expected):
    return np.abs(result.astype(np.float64) - expected).max()


def apply(name, image, **values):
    return bind(step(name, **values))(image)


@pytest.mark.parametrize("kind", OPAQUE)
@pytest.mark.parametrize("amount", [0.5, 5, 20])
@pytest.mark.parametrize("sigma", [0.7, 2, 5])
def test_sharpen_is_within_a_level_of_an_unsharp_mask_in_float(kind, amount, sigma):
    image = IMAGES[kind].astype(np.float64)
    soft = channelwise(image, lambda plane: scipy.ndimage.gaussian_filter(plane, sigma, mode="mirror", truncate=4.0))
    expected = as_levels(image + amount * (image - soft), IMAGES[kind])
    assert farthest(apply("sharpen", IMAGES[kind], sigma=sigma, amount=amount), expected) <= 1


@pytest.mark.parametrize("kind", OPAQUE)
@pytest.mark.parametrize(
    "kernel",
    [((1e6,),), ((1e6, 1.0, -1e6),), tuple(tuple(float(x * y) for x in range(11)) for y in range(-5, 6))],
    ids=["white overflows", "cancels", "11 x 11"],
)
def test_convolve_saturates_and_is_exact_within_a_level(kind, kernel):
    for image in (IMAGES[kind], np.full_like(IMAGES[kind], 100)):
        sums = channelwise(
            image.astype(np.float64), lambda plane: scipy.ndimage.correlate(plane, np.array(kernel), mode="mirror")
        )
        assert farthest(apply("convolve", image, kernel=kernel), as_levels(sums, image)) <= 1


@pytest.mark.parametrize("kind", OPAQUE)
@pytest.mark.parametrize("size", [3, 5, 9, 15])
def test_an_ellipse_is_a_disk(kind, size):
    y, x = np.mgrid[:size, :size] - size // 2
    disk = np.hypot(x, y) <= size // 2
    footprint = disk if IMAGES[kind].ndim == 2 else disk[:, :, None]
    for name, reference in (("erode", scipy.ndimage.grey_erosion), ("dilate", scipy.ndimage.grey_dilation)):
        outside = top_of(IMAGES[kind]) if name == "erode" else 0
        expected = reference(IMAGES[kind], footprint=footprint, mode="constant", cval=outside)
        assert np.array_equal(apply(name, IMAGES[kind], shape="ellipse", size=size), expected)


@pytest.mark.parametrize("kind", ["gray 8", "BGR 16"])
@pytest.mark.parametrize(("size", "iterations"), [(3, 10), (5, 3), (7, 4), (15, 3), (21, 5), (51, 3)])
def test_many_disks_in_a_row_are_one_disk_after_the_other(kind, size, iterations):
    """At the edges as well, where a disk reaches beyond the image."""
    for image in (IMAGES[kind], np.where(IMAGES[kind] > 0.97 * top_of(IMAGES[kind]), IMAGES[kind], 0)):
        for name in ("erode", "dilate", "open", "close"):
            once = image
            steps = {"open": ("erode", "dilate"), "close": ("dilate", "erode")}.get(name, (name,))
            for each in steps:
                for _ in range(iterations):
                    once = apply(each, once, size=size)
            assert np.array_equal(apply(name, image, size=size, iterations=iterations), once)


@pytest.mark.parametrize("kind", GRAY)
def test_gradients_are_those_of_scipy_divided_by_the_gain(kind):
    image = IMAGES[kind].astype(np.float64)
    x, y = (scipy.ndimage.sobel(image, axis, mode="mirror") / 4 for axis in (1, 0))
    assert farthest(apply("sobel", IMAGES[kind]), as_levels(np.hypot(x, y), IMAGES[kind])) <= 1
    kernel = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 16
    x, y = (scipy.ndimage.correlate(image, each, mode="mirror") for each in (kernel, kernel.T))
    assert farthest(apply("scharr", IMAGES[kind]), as_levels(np.hypot(x, y), IMAGES[kind])) <= 1


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_a_gradient_is_part_of_its_gain_at_any_size(size):
    step_up = np.zeros((40, 40), np.uint8)
    step_up[:, 20:] = 100
    assert apply("sobel", step_up, size=size).max() == 100
    point = np.zeros((41, 41))
    point[20, 20] = 1
    steepest = np.where(cv2.Laplacian(point, cv2.CV_64F, ksize=size) > 0, 100, 0).astype(np.uint8)
    assert apply("laplacian", steepest, size=size)[20, 20] == 100


@pytest.mark.parametrize("offset", [-1.5, 0.0, 0.25, 2.5])
@pytest.mark.parametrize(("size", "method"), [(3, "mean"), (15, "mean"), (15, "gaussian")])
def test_an_adaptive_threshold_takes_its_offset_as_given(size, method, offset):
    image = IMAGES["gray 8"]
    if method == "mean":
        means = scipy.ndimage.uniform_filter(image.astype(np.float64), size, mode="nearest")
    else:
        sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8  # cv2.getGaussianKernel
        means = scipy.ndimage.gaussian_filter(
            image.astype(np.float64), sigma, mode="nearest", truncate=(size // 2 + 0.4) / sigma
        )
    result = apply("adaptive_threshold", image, size=size, method=method, offset=offset)
    clear = np.abs(image - (means - offset)) > 1 / 256
    assert clear.mean() > 0.97
    assert np.array_equal(result[clear], np.where(image > means - offset, 255, 0)[clear])


def test_an_even_area_is_black_and_white_by_the_sign_of_the_offset_alone():
    for level in (0, 100, 254):
        for method in ("mean", "gaussian"):
            image = np.full((50, 60), level, np.uint8)
            assert (apply("adaptive_threshold", image, method=method, offset=0.0) == 0).all()
            assert (apply("adaptive_threshold", image, method=method, offset=0.5) == 255).all()


@pytest.mark.parametrize("name", ["bilateral", "nl_means"])
def test_gray_stored_as_colour_gives_gray(name):
    gray = IMAGES["gray 8"]
    result = apply(name, np.dstack([gray, gray, gray]))
    assert (result == result[:, :, :1]).all()
    assert farthest(result[:, :, 0], apply(name, gray)) <= (1 if name == "nl_means" else 0)  # its tables are coarser


def test_bilateral_is_its_formula():
    image = IMAGES["gray 8"]
    down, across = np.mgrid[-4:5, -4:5]
    square = down**2 + across**2
    around = neighbours(image, 9, 9)
    weights = np.exp(-((around - image[:, :, None, None]) ** 2) / (2 * 30**2)) * np.exp(-square / (2 * 4**2))
    weights = weights * (square <= 4**2)  # OpenCV's window is round
    expected = (around * weights).sum(axis=(2, 3)) / weights.sum(axis=(2, 3))
    assert farthest(apply("bilateral", image, size=9, sigma_color=30, sigma_space=4), expected) <= 1


def test_bilateral_is_opencvs_own_and_leaves_its_settings_alone():
    used = cv2.ipp.useIPP()
    for kind in ("gray 8", "BGR 8"):
        with without_ipp():
            expected = cv2.bilateralFilter(IMAGES[kind], 15, 40 * (3 if kind == "BGR 8" else 1), 6)
        found = apply("bilateral", IMAGES[kind], size=15, sigma_color=40, sigma_space=6)
        assert cv2.ipp.useIPP() == used
        assert np.array_equal(found, expected)


def test_nl_means_that_looks_nowhere_changes_nothing():
    for kind in ("gray 8", "BGR 8"):
        assert np.array_equal(apply("nl_means", IMAGES[kind], search=1, template=1), IMAGES[kind])


@pytest.mark.parametrize("kind", ["gray 8", "BGR 8"])
@pytest.mark.parametrize(
    ("template", "search", "strength"),
    [(7, 5, 8.0), (1, 3, 78.0), (1, 3, 100.0)] + [pytest.param(*values, marks=pytest.mark.slow) for values in NL_MEANS],
)
def test_nl_means_has_the_pixels_of_opencv_on_images_of_several_tiles(kind, template, search, strength):
    """Also where the image is smaller than a tile, and where hardly a difference is so large that its weight is 0."""
    small = IMAGES[kind]
    extremes = np.random.default_rng(7).choice([0, 16, 255], small.shape).astype(np.uint8)
    for image in (np.tile(small, (2, 12, 1)[: small.ndim])[:67, :771], small[:3], extremes):
        expected = cv2.fastNlMeansDenoising(np.ascontiguousarray(image), None, strength, template, search)
        found = apply("nl_means", image, strength=strength, template=template, search=search)
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("kind", "clip"),
    [("gray 8", 20), ("BGR 8", 20)]
    + [pytest.param(kind, clip, marks=pytest.mark.slow) for kind in OF_8_BITS for clip in (0.1, 0.5, 2, 20, 100)],
)
def test_clahe_of_16_bits_is_that_of_8(kind, clip):
    """At any size, also where tiles have few pixels or do not fit."""
    small = IMAGES[kind]
    for image in (small, small[:9, :64], np.tile(small, (4, 3, 1)[: small.ndim])):
        result = apply("clahe", image.astype(np.uint16) * 257, clip=clip, tiles=3)
        assert farthest(result / 257, apply("clahe", image, clip=clip, tiles=3)) <= 1


def test_clahe_of_gray_is_opencvs():
    image = IMAGES["gray 8"]
    assert np.array_equal(apply("clahe", image, clip=4, tiles=5), cv2.createCLAHE(4, (5, 5)).apply(image))


def test_stripes_that_shrink_do_not_turn_into_others():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    for method, pillows in (("linear", "BILINEAR"), ("cubic", "BICUBIC"), ("lanczos", "LANCZOS")):
        expected = PIL.Image.fromarray(stripes).resize((21, 21), PIL.Image.Resampling[pillows])
        assert farthest(apply("resize", stripes, width=21, method=method), np.asarray(expected)) <= 2


def test_area_enlarges_without_blocks():
    ramp = np.tile(np.array([0, 100, 200], np.uint8), (3, 1))
    assert np.ptp(np.diff(apply("resize", ramp, width=30, method="area")[0, 5:-5].astype(int))) <= 1


# --- borders --------------------------------------------------------------------------------------------------------


def looks_around(found):
    return isinstance(found.merge, Hysteresis) or (isinstance(found.merge, Rows) and found.merge.halo is not no_rows)


@pytest.mark.parametrize("found", [each for each in catalogue() if looks_around(each)], ids=lambda found: found.name)
def test_beyond_the_edges_is_what_the_filter_says(found):
    bound = bind(
        step(found.name, **({"kernel": ((1, 2, 3), (0, 1, 0), (1, 1, 1))} if found.name == "convolve" else {}))
    )
    mode = {Border.MIRRORED: "reflect", Border.REPEATED: "edge", Border.LEFT_OUT: "constant"}[found.border]
    image = np.ascontiguousarray(IMAGES["gray 8"][:40, :60])
    if found.border is Border.LEFT_OUT:
        image[:8] = image[-8:] = 128  # opening and closing look at what their first step has made beyond the edge
        extreme = {"constant_values": 255 if found.name in ("erode", "open") else 0}
        wider = np.pad(image, 20, mode=mode, **extreme)
        assert np.array_equal(bound(wider)[20:-20, 20:-20][:, 4:-4], bound(image)[:, 4:-4])
    else:
        assert np.array_equal(bound(np.pad(image, 20, mode=mode))[20:-20, 20:-20], bound(image))


def test_a_filter_that_looks_at_neighbours_says_what_is_beyond_the_edges():
    for found in catalogue():
        assert (found.border is not Border.NONE) == (looks_around(found) or isinstance(found.merge, Resampled | Chain))


# --- one bit, doubts, letters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "bilevel"),
    [
        (["otsu", "invert", "open", "median_blur"], True),
        (["threshold", "erode", "close", "dilate"], True),
        (["otsu", "gaussian_blur"], False),
        (["otsu", "gaussian_blur", "invert"], False),
        (["invert"], False),
    ],
)
def test_black_and_white_stays_so_through_filters_that_make_no_gray(steps, bilevel):
    node = grow(Recipe((Output("o", tuple(map(step, steps))),)))
    image = IMAGES["BGR 8"]
    while node.children:
        ((bound, node),) = node.children
        image = bound(image)
    assert node.bilevel == bilevel
    assert not bilevel or set(np.unique(image)) <= {0, 255}


def test_what_a_recipe_may_not_mean_is_doubted():
    def doubted(name, **values):
        return " ".join(doubts(Recipe((Output("o", (step("grayscale"), step(name, **values))),))))

    assert "'o', step 2: filter 'canny' has low 300 above high 100" in doubted("canny", low=300, high=100)
    assert "a size of 61 shows all of it" in doubted("gaussian_blur", size=3, sigma=10)
    assert not doubted("canny")
    assert not doubted("gaussian_blur")


@pytest.mark.parametrize("letter", ["א", "ع", "ก", "अ", "😀"])
def test_a_letter_that_cannot_be_written_is_refused_by_name(letter):
    assert letter in " ".join(check_filter("watermark_text", {"text": f"a {letter}"}))


def test_letters_of_many_languages_are_written():
    assert not list(check_filter("watermark_text", {"text": "© Größe? Ω Жё ệ 日本 한국 1 €"}))


@pytest.mark.parametrize("name", ["median_blur", "despeckle"])
def test_medians_of_more_than_25_pixels_are_those_of_8_bits(name):
    image = np.random.default_rng(4).integers(0, 1 << 16, (30, 40, 3), np.uint16)
    assert apply(name, image, size=5).dtype == np.uint16
    assert np.array_equal(apply(name, image, size=7), apply(name, to_8_bits(image), size=7))
