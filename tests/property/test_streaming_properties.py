"""An image that is streamed in strips gets the pixels of the whole image, for any recipe, size, band and threads."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Image, Place, registry
from filterfleet.worker.filters.merge import Measured, Resampled, Rows
from filterfleet.worker.filters.parameters import Integer
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.formats import Target
from filterfleet.worker.pixels.channels import over_white
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.orientation import upright as turned
from filterfleet.worker.strips.run import stream
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.upright import upright
from filterfleet.worker.tree import Node, grow


@pytest.fixture(scope="module", autouse=True)
def filters() -> Iterator[None]:
    """One filter for each way of joining strips."""
    before = dict(registry._filters)

    @register("test_rows", merge=Rows(halo=lambda size: size // 2), size=Integer(9, 1, 99))
    def _median(image: Image, size: int) -> Image:
        return cv2.blur(image, (1, size))

    @register("test_place", merge=Rows(positioned=True))
    def _place(image: Image, place: Place) -> Image:
        numbers = np.arange(place.top, place.top + len(image)) % 251
        return image ^ numbers.astype(image.dtype).reshape(-1, *[1] * (image.ndim - 1)) ^ (place.height % 7)

    @register("test_blocks", merge=Rows(align=lambda block: block), alpha=Alpha.FILTERED, block=Integer(8, 1, 64))
    def _blocks(image: Image, block: int) -> Image:
        return image[np.arange(len(image)) // block * block]

    def measure(image: Image) -> Any:
        return np.array([image.sum(dtype=np.int64), image.size])

    def apply(image: Image, total: Any) -> Image:
        return np.where(image > total[0] // total[1], image, 0).astype(image.dtype)

    @register("test_mean", merge=Measured(measure, apply))
    def _mean(image: Image) -> Image:
        return apply(image, measure(image))

    def half(width: int, height: int) -> tuple[int, int]:
        return max(1, width * 3 // 5), max(1, height * 4 // 7)

    @register("test_smaller", merge=Resampled(half, lambda: cv2.INTER_AREA), alpha=Alpha.FILTERED)
    def _smaller(image: Image) -> Image:
        return cv2.resize(image, half(image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)

    yield
    registry._filters.clear()
    registry._filters.update(before)


class Downward:
    """An image as a source that, like a file, can only be read downward."""

    ordered = True

    def __init__(self, image: Image) -> None:
        self.height, self.width = image.shape[:2]
        self._image, self._bottom = image, 0

    def read(self, span: Span) -> Image:
        assert span.bottom >= self._bottom
        self._bottom = span.bottom
        return self._image[span.top : span.bottom].copy()

    def close(self) -> None:
        pass


STEPS = (
    Step("grayscale"),
    Step("gaussian_blur", (("sigma", 1.4), ("size", 5))),
    Step("gaussian_blur", (("sigma", 0.0), ("size", 31))),
    Step("canny", (("high", 200), ("low", 100))),
    Step("canny", (("high", 90.5), ("low", 30))),
    Step("test_rows"),
    Step("test_place"),
    Step("test_blocks"),
    Step("test_blocks", (("block", 48),)),
    Step("test_mean"),
    Step("test_smaller"),
    Step("otsu"),
    Step("equalize"),
    Step("median_blur"),
    Step("pixelate", (("block", 7),)),
    Step("watermark_text", (("text", "strips"),)),
    Step("thumbnail", (("height", 90), ("width", 40))),
    Step("resize", (("method", "nearest"), ("width", 33))),
)

chains = st.lists(st.sampled_from(STEPS), max_size=4).map(tuple)
encodings = st.sampled_from(["jpeg", "png", "tiff"])
recipes = st.lists(st.tuples(chains, encodings), min_size=1, max_size=3).map(
    lambda chosen: Recipe(tuple(Output(f"o{i}", steps, encoding) for i, (steps, encoding) in enumerate(chosen)))
)


def picture(height: int, width: int, kind: tuple[int, type], seed: int) -> Image:
    channels, dtype = kind
    noise = np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True
    )
    image = cv2.GaussianBlur(noise, (5, 5), 1 + seed % 3).reshape(noise.shape)
    return image[:, :, 0] if channels == 1 else image


def whole(node: Node, image: Image) -> dict[str, Image]:
    results = {output.name: image for output in node.outputs}
    for bound, child in node.children:
        results |= whole(child, bound(image))
    return results


def decoded(file: Any) -> Image:
    data = file.read(0, len(file))
    if data.startswith(b"II"):  # OpenCV multiplies the colours of a TIFF by their alpha
        stored = pyvips.Image.new_from_buffer(data, "")
        image = stored.numpy().reshape(stored.height, stored.width, stored.bands)
        order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(stored.bands)
        return image[:, :, 0] if stored.bands == 1 else image if order is None else cv2.cvtColor(image, order)
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def as_stored(image: Image, encoding: str) -> Image:
    if encoding == "jpeg":
        image = over_white(to_8_bits(image))
        return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and image.shape[2] == 2 and encoding == "png":  # as OpenCV shows gray and alpha
        return np.dstack([image[:, :, :1]] * 3 + [image[:, :, 1:]])
    return image


kinds = st.sampled_from(
    [
        (1, np.uint8),
        (2, np.uint8),
        (3, np.uint8),
        (3, np.uint8),
        (4, np.uint8),
        (1, np.uint16),
        (3, np.uint16),
        (4, np.uint16),
    ]
)


@given(
    recipe=recipes,
    height=st.integers(1, 700),
    width=st.integers(1, 60),
    kind=kinds,
    rows=st.sampled_from([128, 256]),
    orientation=st.integers(1, 8),
    threads=st.integers(1, 3),
    limit=st.sampled_from([0, 10**9]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=50)
def test_strips_are_the_whole(
    recipe: Recipe,
    height: int,
    width: int,
    kind: tuple[int, type],
    rows: int,
    orientation: int,
    threads: int,
    limit: int,
    seed: int,
) -> None:
    if orientation > 4:
        height, width = width, height
    image = picture(height, width, kind, seed)
    root = grow(recipe)
    encodings = {output.name: output.encoding for output in recipe.outputs}
    source = upright(Downward(image), orientation)
    targets = {name: Target(encoding) for name, encoding in encodings.items()}
    streamed = stream(source, root, targets, threads=threads, limit=limit, rows=rows)
    for name, expected in whole(root, turned(image, orientation)).items():
        assert np.array_equal(decoded(streamed.files[name]), as_stored(expected, encodings[name])), name


@given(
    steps=chains,
    height=st.integers(33, 400),
    rows=st.integers(32, 150),
    kind=kinds,
    seed=st.integers(0, 2**32),
)
@settings(max_examples=50)
def test_bands_of_any_height(
    steps: tuple[Step, ...], height: int, rows: int, kind: tuple[int, type], seed: int
) -> None:
    image = picture(height, 37, kind, seed)
    root = grow(Recipe((Output("png", steps), Output("tiff", steps))))
    streamed = stream(
        Downward(image), root, {"png": Target("png"), "tiff": Target("tiff")}, threads=2, limit=0, rows=rows
    )
    for name, expected in whole(root, image).items():
        assert np.array_equal(decoded(streamed.files[name]), as_stored(expected, name)), name


def snake(height: int, width: int, pitch: int, bright: int, *, upright_runs: bool) -> Image:
    """A thin line that winds through the whole image, and is faint except at its end."""
    image = np.zeros((height, width), np.uint8)
    length, breadth = (height, width) if upright_runs else (width, height)
    canvas = image if upright_runs else image.T
    for number, column in enumerate(range(2, breadth - 3, pitch)):
        canvas[3 : length - 3, column : column + 2] = 40
        row = 3 if number % 2 else length - 5
        canvas[row : row + 2, column : column + pitch + 2] = 40
    canvas[3:5, 2:4] = bright
    return image


@given(
    height=st.integers(64, 500),
    width=st.integers(12, 120),
    pitch=st.integers(5, 20),
    bright=st.sampled_from([40, 255]),
    upright_runs=st.booleans(),
    rows=st.integers(32, 100),
)
@settings(max_examples=50)
@example(height=500, width=120, pitch=6, bright=255, upright_runs=True, rows=32)
@example(height=500, width=120, pitch=6, bright=255, upright_runs=False, rows=32)
def test_an_edge_that_winds_through_every_strip_is_kept_or_dropped_whole(
    height: int, width: int, pitch: int, bright: int, rows: int, *, upright_runs: bool
) -> None:
    image = snake(height, width, pitch, bright, upright_runs=upright_runs)
    root = grow(Recipe((Output("edges", (Step("canny", (("high", 400), ("low", 60))),)),)))
    streamed = stream(Downward(image), root, {"edges": Target("png")}, rows=rows)
    assert np.array_equal(decoded(streamed.files["edges"]), cv2.Canny(image, 60, 400))


@given(
    st.integers(64, 400),
    st.integers(5, 80),
    st.integers(32, 100),
    st.floats(0, 300),
    st.floats(-100, 100),
    st.integers(0, 2**32),
)
@settings(max_examples=50)
@example(200, 40, 32, 2039.5, 1.0, 0)
@example(200, 40, 32, 60.0, 1e5 - 60, 0)
def test_edges_of_noise_are_those_of_the_whole(
    height: int, width: int, rows: int, low: float, more: float, seed: int
) -> None:
    """Also with thresholds that are no whole numbers, in the wrong order, or beyond any gradient."""
    image = picture(height, width, (1, np.uint8), seed)
    high = max(low + more, 0.0)
    root = grow(Recipe((Output("edges", (Step("canny", (("high", high), ("low", low))),)),)))
    streamed = stream(Downward(image), root, {"edges": Target("png")}, rows=rows, threads=2)
    assert np.array_equal(decoded(streamed.files["edges"]), cv2.Canny(image, low, high))
