"""The worker makes of an image file exactly what OpenCV makes of it, or reports one sentence."""

import contextlib
import struct
import zlib

import msgpack
import numpy as np
import pytest

from filterfleet.common.blob import whole
from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.jobs.output_options import Options
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.common.wire import OutputFile
from filterfleet.worker import admission, formats
from filterfleet.worker.attempt import answer
from filterfleet.worker.filters import bind, registry
from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.memory import Memory
from filterfleet.worker.needs import SLACK
from filterfleet.worker.pipeline import process, recipe_from
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import Resources, default
from filterfleet.worker.strips import needs


def picture(height=60, width=90):
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 0)


def file_of(image, extension):
    return cv2.imencode(extension, image)[1].tobytes()


def pixels(blob, flags=cv2.IMREAD_UNCHANGED):
    return cv2.imdecode(np.frombuffer(blob, np.uint8), flags)


def by_name(done):
    return {output.name: blob for output, blob in zip(done.outputs, done.blobs, strict=True)}


# --- the default recipe ----


def test_outputs_of_a_jpeg_are_those_of_plain_opencv_byte_for_byte():
    data = file_of(picture(), ".jpg")
    source = pixels(data, cv2.IMREAD_COLOR)
    gray = cv2.cvtColor(source, cv2.COLOR_BGR2GRAY)
    done = process(data, DEFAULT)
    blobs = by_name(done)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
    assert blobs["grayscale"] == cv2.imencode(".jpg", gray, quality)[1].tobytes()
    assert blobs["blur"] == cv2.imencode(".jpg", cv2.GaussianBlur(source, (5, 5), 1.4), quality)[1].tobytes()
    assert np.array_equal(pixels(blobs["edges"]), cv2.Canny(gray, 100, 200))
    sizes = {name: len(blob) for name, blob in blobs.items()}
    assert done.outputs == (
        OutputFile("grayscale", "jpeg", sizes["grayscale"]),
        OutputFile("blur", "jpeg", sizes["blur"]),
        OutputFile("edges", "png", sizes["edges"]),
    )


def test_outputs_are_the_same_every_time():
    data = file_of(picture(), ".jpg")
    assert process(data, DEFAULT).blobs == process(bytearray(data), DEFAULT).blobs


@pytest.mark.parametrize("width", [1, 7, 8, 9, 61])
def test_edges_take_one_bit_a_pixel_at_any_width(width):
    image = picture(33, width)
    edges = by_name(process(file_of(image, ".png"), DEFAULT))["edges"]
    length, kind, wide, high, depth, colour = struct.unpack(">I4sIIBB", edges[8:26])
    assert (length, kind, wide, high, depth, colour) == (13, b"IHDR", width, 33, 1, 0)
    assert np.array_equal(pixels(edges), cv2.Canny(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 100, 200))


def test_the_report_tells_size_and_format():
    report = process(file_of(picture(20, 30), ".png"), DEFAULT).report
    assert (report["width"], report["height"], report["format"]) == (30, 20, "png")
    assert all(report[name] >= 0 for name in ("decode", "filter", "encode"))
    msgpack.packb(report)


# --- sources ----


@pytest.mark.parametrize(
    ("extension", "image_format", "kept"),
    [
        (".png", "png", "png"),
        (".bmp", "bmp", "bmp"),
        (".gif", "gif", "png"),
        (".tiff", "tiff", "tiff"),
        (".webp", "webp", "webp"),
        (".jpg", "jpeg", "jpeg"),
        (".avif", "avif", "avif"),
    ],
)
def test_every_common_format_is_read_and_kept_or_stored_without_loss(extension, image_format, kept):
    data = file_of(picture(), extension)
    done = process(data, DEFAULT)
    assert done.report["format"] == image_format
    assert [output.format for output in done.outputs] == [kept, kept, "png"]
    gray = cv2.cvtColor(pixels(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY)
    stored = pixels(by_name(done)["grayscale"], cv2.IMREAD_GRAYSCALE)
    if kept in ("png", "bmp", "tiff"):
        assert np.array_equal(stored, gray)
    else:
        assert cv2.PSNR(stored, gray) > 30


# --- what cannot be processed ----


def png_of_size(width, height):
    """A PNG whose header promises far more than its few bytes hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    packed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


RESCUE = 'The recipe setting damaged = "accept" decodes as much of it as possible.'


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b"Dear diary", "The file is not an image of a known format."),
        (b"\xff\xd8\xff", "The JPEG file is damaged or cut short."),
        (file_of(picture(), ".jpg")[:-100], f"The JPEG file is damaged or cut short. {RESCUE}"),
        (file_of(picture(), ".png")[:-100], f"The PNG file is damaged or cut short. {RESCUE}"),
        (file_of(picture(), ".webp")[:-100], "The WEBP file is damaged or cut short."),
        (png_of_size(30_000, 30_000), "The PNG file is damaged or cut short."),
        (png_of_size(1 << 21, 1), "The image is 2097152 x 1 pixels; a side of a PNG file may have at most 1000000."),
    ],
    ids=["empty", "text", "only a magic number", "cut jpeg", "cut png", "cut webp", "bomb", "too wide"],
)
def test_a_bad_file_is_one_sentence(data, sentence):
    with pytest.raises(ImageError) as raised:
        process(data, DEFAULT)
    assert str(raised.value) == sentence
    assert msgpack.unpackb(answer(data, default())) == {"error": sentence}


def test_an_image_that_its_format_cannot_store_is_one_sentence():
    with pytest.raises(ImageError, match=r"^A 70000 x 1 image cannot be stored as JPEG\.$"):
        formats.encode(np.zeros((1, 70_000, 3), np.uint8), formats.Target("jpeg"))


def test_a_basic_client_gets_the_default_outputs_as_a_map():
    data = file_of(picture(), ".jpg")
    assert msgpack.unpackb(answer(data, default())) == by_name(process(data, DEFAULT))


# --- recipes and filters ----


def recipe(*outputs):
    return Recipe(tuple(outputs))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step("polaroid"), "no filter 'polaroid'"),
        (Step("gaussian_blur", (("radius", 3),)), "no parameter 'radius'"),
        (Step("grayscale", (("x", 3),)), "it has none"),
        (Step("gaussian_blur", (("size", 4),)), "odd"),
        (Step("gaussian_blur", (("size", 0),)), "from 1 to 255"),
        (Step("gaussian_blur", (("size", 257),)), "from 1 to 255"),
        (Step("gaussian_blur", (("size", 5.0),)), "integer from 1 to 255"),
        (Step("gaussian_blur", (("size", True),)), "integer from 1 to 255"),
        (Step("gaussian_blur", (("size", "5"),)), "integer from 1 to 255"),
        (Step("gaussian_blur", (("sigma", -0.1),)), "a number from 0 to 100"),
        (Step("gaussian_blur", (("sigma", float("nan")),)), "a finite number"),
        (Step("canny", (("high", float("inf")),)), "a finite number"),
    ],
)
def test_a_step_that_cannot_be_run_is_refused_before_anything_runs(step, words):
    bind(Step("gaussian_blur", (("size", 5),)))  # in Python, equal to a step with size 5.0
    bind(Step("gaussian_blur", (("size", 1),)))
    with pytest.raises(RecipeError, match=words):
        recipe_from(recipe(Output("out", (step,))).to_bytes())


def test_parameters_have_defaults_and_limits_that_are_allowed():
    image = picture()
    for parameters, expected in (
        ((), cv2.GaussianBlur(image, (5, 5), 1.4)),
        ((("sigma", 0), ("size", 255)), cv2.GaussianBlur(image, (255, 255), 0)),
        ((("sigma", 2.5),), cv2.GaussianBlur(image, (5, 5), 2.5)),
    ):
        apply = bind(Step("gaussian_blur", parameters))
        assert np.array_equal(apply(image), expected)


@pytest.fixture
def counted():
    """A filter that counts its calls."""
    calls = []

    @registry.register("counted", merge=Rows())
    def count(image):
        calls.append(image.shape)
        return 255 - image

    yield calls
    del registry._filters["counted"]


def test_a_common_prefix_is_computed_once(counted):
    prefix = (Step("grayscale"), Step("counted"))
    chains = (prefix, (*prefix, Step("gaussian_blur")), (*prefix, Step("canny")), (Step("counted"),))
    done = process(file_of(picture(), ".png"), recipe(*(Output(f"out{n}", steps) for n, steps in enumerate(chains))))
    assert counted == [(60, 90), (60, 90, 3)]
    inverted = 255 - cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY)
    assert np.array_equal(pixels(done.blobs[0]), inverted)
    assert np.array_equal(pixels(done.blobs[1]), cv2.GaussianBlur(inverted, (5, 5), 1.4))


def test_encoding_and_quality_are_the_recipes():
    data = file_of(picture(), ".png")
    done = process(data, recipe(Output("small", (), "jpeg", 10), Output("large", (), "jpeg", 100), Output("same", ())))
    blobs = by_name(done)
    assert [output.format for output in done.outputs] == ["jpeg", "jpeg", "png"]
    assert blobs["small"] == cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_QUALITY, 10])[1].tobytes()
    assert len(blobs["small"]) < len(blobs["large"])
    assert np.array_equal(pixels(blobs["same"]), picture())


def test_edges_in_the_sources_own_format_stay_an_ordinary_image():
    chain = (Step("canny"),)
    done = process(file_of(picture(), ".jpg"), recipe(Output("edges", chain)))
    gray = cv2.cvtColor(pixels(file_of(picture(), ".jpg")), cv2.COLOR_BGR2GRAY)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
    assert done.blobs[0] == cv2.imencode(".jpg", cv2.Canny(gray, 100, 200), quality)[1].tobytes()


def test_what_is_too_large_only_before_the_border_is_cut_off_is_not_refused():
    """Nobody knows how much trim leaves, so a resize behind it has the last word."""
    tall = np.full((20_000, 2, 3), 255, np.uint8)
    tall[100:102] = 0
    file = cv2.imencode(".png", tall)[1].tobytes()
    resize = Step("resize", (("width", 300), ("height", 0)))
    done = process(file, Recipe((Output("o", (Step("trim"), resize), "png"),)))
    assert pixels(done.blobs[0]).shape == (300, 300, 3)
    beyond = Step("resize", (("height", 20_000), ("width", 20_000)))
    with pytest.raises(ImageError, match=r"^Output 'o', step 2, filter 'resize': The image would be enlarged"):
        process(file, Recipe((Output("o", (Step("trim"), beyond), "png"),)))


class Noting(Memory):
    """Notes how much is held."""

    def __init__(self, total):
        super().__init__(total)
        self.held_for = []

    def hold(self, amount):
        self.held_for.append(amount)
        return super().hold(amount)


def framed(height, width, inner):
    image = np.full((height, width), 255, np.uint8)
    image[10 : 10 + inner.shape[0], 10 : 10 + inner.shape[1]] = inner
    return cv2.imencode(".png", image)[1].tobytes()


def trimmed(*steps, encoding="png"):
    return Recipe((Output("o", (Step("trim"), *steps), encoding),))


def test_an_image_that_outgrows_its_memory_is_made_anew_with_more():
    """Cut to its narrow middle, the image becomes much taller than all of it would."""
    file = framed(420, 420, np.zeros((400, 2), np.uint8))
    memory = Noting(1 << 30)
    done = process(file, trimmed(Step("resize", (("width", 100),))), Resources(1, memory))
    assert pixels(done.blobs[0]).shape == (20_000, 100)
    first, second = memory.held_for
    assert first < SLACK + 20_000 * 100 < second
    bound = Output("o", (Step("trim"), Step("resize", (("width", 100),))), "tiff", options=Options(pages="all"))
    with contextlib.closing(process(file, Recipe((bound,)), Resources(1, memory))) as done:
        assert pixels(whole(done.blobs[0])).shape == (20_000, 100)
    assert memory.held_for[2] < SLACK + 20_000 * 100 < memory.held_for[3]


@pytest.fixture
def strips_from(monkeypatch):
    """Images of more than this number of pixels go in strips."""

    def strips_from(limit):
        monkeypatch.setattr(admission, "WHOLE_PIXELS", limit)
        monkeypatch.setattr(needs, "WHOLE_PIXELS", limit)

    return strips_from


def test_an_image_in_strips_that_outgrows_its_memory_is_made_anew(strips_from, monkeypatch):
    file, recipe = framed(420, 420, np.zeros((400, 2), np.uint8)), trimmed(Step("resize", (("width", 100),)))
    expected = pixels(process(file, recipe).blobs[0])
    strips_from(1_000)
    monkeypatch.setattr(needs, "STRIPS_NEED", 0)
    memory = Noting(1 << 30)
    with contextlib.closing(process(file, recipe, Resources(1, memory))) as done:
        assert np.array_equal(pixels(whole(done.blobs[0])), expected)
    first, second = memory.held_for
    assert first < second


@pytest.mark.parametrize(
    ("steps", "encoding"),
    [((Step("clahe"),), "png"), ((Step("resize", (("width", 3_000),)),), "png"), ((), "webp")],
)
def test_in_strips_only_what_a_border_leaves_counts(strips_from, steps, encoding):
    """What follows trim may need the whole image, be refused as too large, or be no format for strips."""
    inner = np.random.default_rng(1).integers(0, 200, (8, 100), np.uint8)
    file, recipe = framed(3_000, 120, inner), trimmed(*steps, encoding=encoding)
    expected = pixels(process(file, recipe).blobs[0])
    strips_from(5_000)
    with contextlib.closing(process(file, recipe, Resources(2, Memory(1 << 20)))) as done:
        assert np.array_equal(pixels(whole(done.blobs[0])), expected)


def test_what_a_border_leaves_is_refused_when_it_is_too_large(strips_from):
    file = framed(1_000, 320, np.zeros((900, 300), np.uint8))
    strips_from(5_000)
    with pytest.raises(ImageError, match=r"^Output 'o', step 2, filter 'clahe': The filter 'clahe' needs the whole"):
        process(file, trimmed(Step("clahe")), Resources(2, Memory(1 << 20)))
    beyond = Step("crop", (("left", 310), ("width", 5)))
    with pytest.raises(ImageError, match=r"^Output 'o', step 2, filter 'crop': The image of 300 x 900 pixels has none"):
        process(file, trimmed(beyond), Resources(2, Memory(1 << 20)))


def test_what_a_step_behind_trim_cannot_take_is_not_said_to_take_memory():
    image = np.zeros((30, 40, 3), np.uint8)
    image[9, 9] = 255
    beyond = Step("crop", (("left", 50), ("width", 5)))
    with pytest.raises(ImageError, match=r"^Output 'o', step 2, filter 'crop': The image of 1 x 1 pixels has none"):
        process(file_of(image, ".webp"), trimmed(beyond), Resources(1, Memory(64 << 20)))
