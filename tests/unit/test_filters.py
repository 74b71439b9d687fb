"""Every filter against its computation, written in another way, on every kind of image."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image
import pytest
import scipy.interpolate

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import Alpha, bind, catalogue, histogram, names
from filterfleet.worker.filters.merge import Moved, Resampled
from filterfleet.worker.pixels.opencv import cv2

HEIGHT, WIDTH = 45, 70


def picture(dtype, channels):
    """Smooth areas, noise and hard edges."""
    random = np.random.default_rng(channels)
    top = np.iinfo(dtype).max
    image = cv2.GaussianBlur(random.random((HEIGHT, WIDTH, channels)), (0, 0), 4).reshape(HEIGHT, WIDTH, channels)
    image = (image - image.min()) / np.ptp(image)
    image[10:30, 20:40] = 1 - image[10:30, 20:40]
    image = np.rint(np.clip(image + random.normal(0, 0.02, image.shape), 0, 1) * top).astype(dtype)
    return np.ascontiguousarray(image[:, :, 0]) if channels == 1 else image


IMAGES = {
    f"{name} {bits}": picture(dtype, channels)
    for name, channels in (("gray", 1), ("gray+alpha", 2), ("BGR", 3), ("BGRA", 4))
    for bits, dtype in ((8, np.uint8), (16, np.uint16))
}


def small_png(height, width, channels=4):
    noise = np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


# --- the computations ---------------------------------------------------------------------------------------------


def top_of(image):
    return np.iinfo(image.dtype).max


def as_levels(values, like):
    return np.rint(np.clip(values, 0, top_of(like))).astype(like.dtype)


def neighbours(image, rows, columns, **pad):
    """(h, w, [c,] rows, columns) of float64."""
    edges = [(rows // 2, rows // 2), (columns // 2, columns // 2)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(np.float64), edges, **(pad or {"mode": "reflect"}))
    return np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(0, 1))


def weighted(image, kernel):
    kernel = np.array(kernel, np.float64)
    return (neighbours(image, *kernel.shape) * kernel).sum(axis=(-2, -1))


def length_of_gradient(image, kernel):
    kernel = np.array(kernel)
    return as_levels(np.hypot(weighted(image, kernel), weighted(image, kernel.T)), image)


def extreme(image, operation, size):
    outside = {"constant_values": 0 if operation is np.max else top_of(image), "mode": "constant"}
    return operation(neighbours(image, size, size, **outside), axis=(-2, -1)).astype(image.dtype)


def luma(image):
    return image @ [0.114, 0.587, 0.299]


def on_luma(image, change):
    if image.ndim == 2:
        return change(image)
    parts = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    parts[:, :, 0] = change(np.ascontiguousarray(parts[:, :, 0]))
    return cv2.cvtColor(parts, cv2.COLOR_YCrCb2BGR)


def saturated(image, factor):
    if image.ndim == 2:
        return image
    gray = luma(image)[:, :, None]
    return as_levels(gray + factor * (image - gray), image)


def toned(image):
    b, g, r = (image[:, :, n].astype(float) if image.ndim == 3 else image.astype(float) for n in range(3))
    red, green, blue = 0.393 * r + 0.769 * g + 0.189 * b, 0.349 * r + 0.686 * g + 0.168 * b, 0.272 * r + 0.534 * g
    return as_levels(np.dstack([blue + 0.131 * b, green, red]), image)


def blocks(image, size):
    result = image.copy()
    for y in range(0, HEIGHT, size):
        for x in range(0, WIDTH, size):
            block = image[y : y + size, x : x + size].astype(np.float64)
            result[y : y + size, x : x + size] = np.floor(block.mean(axis=(0, 1)) + 0.5)
    return result


def lanczos(image, width, height):
    """As Pillow does it, which takes one channel in float32 at a time. It is clipped after each direction."""

    def resized(plane, size):
        made = PIL.Image.fromarray(plane).resize(size, PIL.Image.Resampling.LANCZOS)
        return np.clip(np.asarray(made), 0, top_of(image))

    planes = np.moveaxis(np.atleast_3d(image.astype(np.float32)), 2, 0)
    made = [resized(resized(plane, (width, image.shape[0])), (width, height)) for plane in planes]
    return as_levels(np.dstack(made).squeeze(), image)


def equalized_in_tiles(gray):
    """At 16 bits, what the nearest levels of 8 bits become."""
    if gray.dtype == np.uint8:
        return cv2.createCLAHE(3, (4, 4)).apply(gray)
    return equalized_in_tiles(np.rint(gray / 257).astype(np.uint8)).astype(np.uint16) * 257


def soft(image, sigma):
    """A Gaussian blur whose kernel reaches four sigma to each side."""
    reach = round(4 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return weighted(image, np.outer(weights, weights) / weights.sum() ** 2)


def above_its_mean(image, size, offset):
    """Which samples exceed the Gaussian mean of their neighbourhood less the offset."""
    kernel = cv2.getGaussianKernel(size, 0)
    means = (neighbours(image, size, size, mode="edge") * (kernel @ kernel.T)).sum(axis=(-2, -1))
    return np.where(image > np.rint(means * 256) / 256 - offset, 255, 0)


def framed(image):
    top = top_of(image)
    levels = np.array(
        {2: [128 * top // 255, top], 4: [128 * top // 255] * 3 + [top]}.get(
            image.ndim == 3 and image.shape[2], 128 * top // 255
        )
    )
    frame = np.broadcast_to(levels, (60, 90, *image.shape[2:])).astype(image.dtype)
    frame[:HEIGHT, 10 : 10 + WIDTH] = image
    return frame


def by_channel(image, change):
    planes = np.moveaxis(np.atleast_3d(image), 2, 0)
    return np.dstack([change(plane) for plane in planes]).reshape(image.shape)


def between(samples, low, high):
    """The samples at two percentiles, themselves among the samples."""
    return np.percentile(samples, [low, high], method="inverted_cdf").astype(np.float64)


def auto_levels(image):
    def spread(plane):
        black, white = between(plane, 2, 98)
        return as_levels((plane - black) / (white - black) * top_of(image), image)

    return by_channel(image, spread)


def stretched(image):
    black, white = between(image, 5, 90)
    levels = np.clip((image - black) / (white - black), 0, 1)
    return as_levels(np.arcsinh(levels * 10) / np.arcsinh(10) * top_of(image), image)


def gray_world(image):
    if image.ndim == 2:
        return image
    means = image.mean(axis=(0, 1))
    return as_levels(image * (means.mean() / means), image)


def matched(image):
    """Each level becomes the one up to which as many samples of the picture lie."""
    picture = cv2.imdecode(np.frombuffer(small_png(40, 60, 3), np.uint8), cv2.IMREAD_COLOR)
    picture = picture if image.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    picture = picture.astype(image.dtype) * (top_of(image) // 255)
    pairs = zip(*(np.moveaxis(np.atleast_3d(each), 2, 0) for each in (image, picture)), strict=True)
    return as_levels(np.dstack([as_distributed(*pair) for pair in pairs]).reshape(image.shape), image)


def as_distributed(plane, picture):
    shares = np.searchsorted(np.sort(plane.ravel()), plane, side="right") / plane.size
    levels, counts = np.unique(picture, return_counts=True)
    return np.interp(shares, np.cumsum(counts) / picture.size, levels)


def mixed(image):
    red, green, blue = (image[:, :, n].astype(float) if image.ndim == 3 else image.astype(float) for n in (2, 1, 0))
    return as_levels(np.dstack([blue - 0.5 * red, green, 0.5 * red + 0.25 * blue]), image)


def laid_over(image, paper):
    if image.ndim == 2 or image.shape[2] == 3:
        return image
    levels = np.array(paper) * (top_of(image) // 255)
    cover = image[:, :, -1:] / top_of(image)
    return as_levels(image[:, :, :-1] * cover + levels * (1 - cover), image)


def dithered(image):
    """Two dots beside each other never have the same threshold."""
    thresholds = np.zeros((8, 8))
    for bit in range(3):
        y, x = (np.arange(8) >> bit) & 1, (np.arange(8) >> bit) & 1
        thresholds += np.array([[0, 2], [3, 1]])[np.ix_(y, x)] * 4 ** (2 - bit)
    tiled = np.tile((thresholds + 0.5) / 64 * 255, (HEIGHT // 8 + 1, WIDTH // 8 + 1))[:HEIGHT, :WIDTH]
    return np.where(image >= tiled, 255, 0)


def despeckled(image):
    clean = np.median(neighbours(image, 5, 5, mode="edge"), axis=(-2, -1))
    far = np.abs(image - clean) > 20
    return np.where(far if image.ndim == 2 else far.any(axis=2, keepdims=True), clean, image).astype(np.uint8)


SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 16
LAPLACE = np.array([[2, 0, 2], [0, -8, 0], [2, 0, 2]]) / 8
RELIEF = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
USERS = ((0.5, -1, 3), (0, 2, 0), (1, 1, -2.5))
TRIANGLE = np.outer(*2 * [[1, 2, 3, 2, 1]]) / 81


@dataclass(frozen=True)
class Case:
    """compute gets what the filter's function gets: an image without alpha, in the depth and colours that were
    declared.
    """

    compute: Callable[[Any], Any]
    values: dict[str, Any] = field(default_factory=dict)
    deep: bool = True
    gray: bool = False
    alpha: str = "kept"
    tolerance: int = 0  # levels by which rounding in float32 may differ
    tolerance_at_16_bits: int | None = None  # where it is another
    title: str = ""


def bilevel(compute, **values):
    return Case(compute, values, deep=False, gray=True, alpha="dropped")


def geometric(compute, **values):
    return Case(compute, values, alpha="filtered")


CASES = {
    "grayscale": Case(lambda image: image, gray=True),
    "gaussian_blur": Case(lambda image: cv2.GaussianBlur(image, (5, 5), 1.4)),
    "box_blur": Case(lambda image: as_levels(neighbours(image, 7, 7).mean(axis=(-2, -1)), image), {"size": 7}),
    "median_blur": Case(
        lambda image: np.median(neighbours(image, 7, 7, mode="edge"), axis=(-2, -1)).astype(np.uint8),
        {"size": 7},
        deep=False,
    ),
    "bilateral": Case(
        lambda image: cv2.bilateralFilter(image, 9, 50 * (1 if image.ndim == 2 else 3), 5), deep=False
    ),
    "nl_means": Case(
        lambda image: cv2.fastNlMeansDenoising(image, None, 4, 5, 9),
        {"strength": 4, "template": 5, "search": 9},
        deep=False,
    ),
    "canny": bilevel(lambda image: cv2.Canny(image, 100, 200)),
    "sobel": Case(lambda image: length_of_gradient(image, SOBEL), gray=True, tolerance=1),
    "scharr": Case(
        lambda image: as_levels(
            np.hypot(weighted(image, SCHARR), weighted(image, np.transpose(SCHARR))) * 4, image
        ),
        {"scale": 4},
        gray=True,
        tolerance=1,
    ),
    "laplacian": Case(lambda image: as_levels(np.abs(weighted(image, LAPLACE)), image), gray=True),
    "sharpen": Case(
        lambda image: as_levels(5.0 * image - 4 * soft(image, 2), image), {"sigma": 2, "amount": 4}, tolerance=1
    ),
    "threshold": bilevel(lambda image: np.where(image > 99, 255, 0), level=99),
    "otsu": bilevel(lambda image: cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)[1]),
    "adaptive_threshold": bilevel(
        lambda image: above_its_mean(image, 9, 2.75),
        method="gaussian",
        size=9,
        offset=2.75,
    ),
    "equalize": Case(lambda image: on_luma(image, cv2.equalizeHist), deep=False),
    "clahe": Case(
        lambda image: on_luma(image, equalized_in_tiles), {"clip": 3, "tiles": 4}, tolerance_at_16_bits=3 * 257
    ),
    "gamma": Case(lambda image: as_levels((image / top_of(image)) ** 0.5 * top_of(image), image), {"gamma": 2}),
    "brightness_contrast": Case(
        lambda image: as_levels((image - top_of(image) / 2) * 1.5 + top_of(image) * 0.6, image),
        {"brightness": 10, "contrast": 1.5},
        tolerance=1,
    ),
    "saturation": Case(lambda image: saturated(image, 1.75), {"factor": 1.75}, tolerance=1),
    "invert": Case(lambda image: top_of(image) - image),
    "sepia": Case(toned, tolerance=1),
    "emboss": Case(lambda image: as_levels(weighted(image, RELIEF), image)),
    "pixelate": geometric(lambda image: blocks(image, 8), block=8),
    "erode": Case(lambda image: extreme(image, np.min, 5), {"shape": "rect", "size": 5}),
    "dilate": Case(lambda image: extreme(image, np.max, 9), {"shape": "rect", "size": 5, "iterations": 2}),
    "open": Case(
        lambda image: extreme(extreme(image, np.min, 5), np.max, 5), {"shape": "rect", "size": 5}
    ),
    "close": Case(
        lambda image: extreme(extreme(image, np.max, 9), np.min, 9), {"shape": "rect", "size": 5, "iterations": 2}
    ),
    "resize": Case(
        lambda image: lanczos(image, 33, 21), {"width": 33, "method": "lanczos"}, alpha="filtered", tolerance=1
    ),
    "thumbnail": geometric(lambda image: cv2.resize(image, (31, 20), None, 0, 0, cv2.INTER_AREA), width=50, height=20),
    "crop": geometric(lambda image: image[4:24, 20:50], width=30, height=20, top=4),
    "flip": geometric(lambda image: image[::-1, ::-1], direction="both"),
    "pad": geometric(framed, width=90, height=60, gravity="top", color="#808080"),
    "levels": Case(
        lambda image: as_levels(np.clip(image / top_of(image) / 0.8 - 0.125, 0, 1) ** 0.5 * top_of(image), image),
        {"black": 10, "white": 90, "gamma": 2},
    ),
    "curves": Case(
        lambda image: as_levels(
            scipy.interpolate.PchipInterpolator([0, 0.2, 0.7, 0.9], [0.1, 0.4, 0.3, 0.9])(
                np.clip(image / top_of(image), 0, 0.9)
            )
            * top_of(image),
            image,
        ),
        {"points": ((0, 10), (20, 40), (70, 30), (90, 90))},
    ),
    "posterize": Case(
        lambda image: as_levels(np.minimum(image * 3.0 // top_of(image), 2) * top_of(image) / 2, image), {"levels": 3}
    ),
    "auto_levels": Case(auto_levels, {"clip": 2, "channels": "each"}, tolerance=1),
    "stretch": Case(stretched, {"low": 5, "high": 90, "softness": 0.1}),
    "white_balance": Case(gray_world, {"method": "gray-world"}),
    "match_histogram": Case(matched, {"picture": small_png(40, 60, 3)}, tolerance=1),
    "channel": Case(lambda image: image if image.ndim == 2 else image[:, :, 2], {"channel": "red"}),
    "mix": Case(mixed, {"matrix": ((0.5, 0, 0.25), (0, 1, 0), (-0.5, 0, 1))}, tolerance=1),
    "background": Case(lambda image: laid_over(image, (48, 32, 16)), {"color": "#102030"}, alpha="filtered"),
    "dither": bilevel(dithered),
    "despeckle": Case(despeckled, {"size": 5, "threshold": 20}, deep=False),
    "convolve": Case(
        lambda image: as_levels(weighted(image, USERS) / 2 + top_of(image) * 0.1, image),
        {"kernel": USERS, "divisor": 2, "offset": 10},
        tolerance=1,
    ),
}  # fmt: skip
WATERMARKS = {"watermark_text": {"text": "© Größe"}, "watermark_image": {"picture": small_png(9, 20)}}


def as_declared(image, case):
    """The image that the filter's function gets, and the alpha that is added to its result."""
    alpha = None
    if not case.deep and image.dtype == np.uint16:
        image = np.rint(image / 257).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] in (2, 4) and case.alpha != "filtered":
        alpha = image[:, :, -1:] if case.alpha == "kept" else None
        if case.alpha == "dropped":
            cover = image[:, :, -1:] / top_of(image)
            image = np.rint(image * cover + top_of(image) * (1 - cover)).astype(image.dtype)
        image = image[:, :, 0] if image.shape[2] == 2 else image[:, :, :3]
    image = np.ascontiguousarray(image)
    if case.gray and image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return image, alpha


def step(name, **values):
    return Step(name, tuple(sorted(values.items())))


def weighs(bound):
    """Whether the filter weighs colours by alpha. tests/unit/test_transparency.py has their see-through images."""
    return bound.filter.alpha in (Alpha.WEIGHED, Alpha.FILTERED, Alpha.ON_WHITE)


def opaque(image):
    image = image.copy()
    if image.ndim == 3 and image.shape[2] in (2, 4):
        image[:, :, -1] = top_of(image)
    return image


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
    needed = {name: CASES[name].values for name in ("resize", "pad", "convolve", "channel", "match_histogram")}
    needed |= {"crop": {"width": 1}} | WATERMARKS
    for dtype in (np.uint8, np.uint16):
        result = bind(step(found.name, **needed.get(found.name, {})))(np.full(shape, 200, dtype))
        assert 0 not in result.shape
        if not isinstance(found.merge, Resampled | Moved):
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
