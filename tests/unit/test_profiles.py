"""Conversion of colours against LittleCMS as Pillow calls it, and the profiles that outputs carry."""

import io

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from filterfleet.common.jobs.recipe import Metadata, Output, Recipe
from filterfleet.worker import formats
from filterfleet.worker.filters import About, bind
from filterfleet.worker.formats.about import about
from filterfleet.worker.formats.colour import ADOBE_RGB
from filterfleet.worker.formats.icc import gamma, gray_profile
from filterfleet.worker.formats.spaces import profile_of
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.run import process_in_strips
from filterfleet.worker.tree import grow, informed
from tests.unit.colour_science import ciede2000, lab_of, srgb_curve
from tests.unit.filter_cases import step

INTENTS = {"perceptual": 0, "relative": 1, "saturation": 2, "absolute": 3}
ADOBE = ADOBE_RGB.profile()


def colours(dtype=np.uint8):
    """A cube of colours, with steps of 17 levels."""
    axis = np.arange(0, 256, 17)
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(64, 64, 3)
    return (cube * (np.iinfo(dtype).max // 255)).astype(dtype)


def by_little_cms(image, source, target, intent, black_point):
    flags = PIL.ImageCms.Flags.BLACKPOINTCOMPENSATION if black_point else PIL.ImageCms.Flags.NONE
    profiles = (PIL.ImageCms.ImageCmsProfile(io.BytesIO(each)) for each in (source, target))
    picture = PIL.Image.fromarray(image[:, :, ::-1] if image.ndim == 3 else image)
    made = PIL.ImageCms.profileToProfile(picture, *profiles, INTENTS[intent], flags=flags)
    return np.asarray(made)[:, :, ::-1] if image.ndim == 3 else np.asarray(made)


def lab(image):
    return cv2.cvtColor(np.ascontiguousarray(image).astype(np.float32) / 255, cv2.COLOR_BGR2Lab)


def converted(name, image, known, **values):
    bound = bind(step(name, **values))
    return type(bound)(bound.filter, bound.values, known)(image)


@pytest.mark.parametrize("intent", INTENTS)
def test_colours_are_those_of_little_cms(intent):
    for space, black_point in (("srgb", True), ("srgb", False), ("display-p3", True)):
        is_little_cms(space, intent, black_point)


def is_little_cms(space, intent, black_point):
    values = {"profile": space, "intent": intent, "black_point": black_point}
    result = converted("to_profile", colours(), About(ADOBE), **values)
    expected = by_little_cms(colours(), ADOBE, profile_of(space), intent, black_point)
    assert np.linalg.norm(lab(result) - lab(expected), axis=2).max() < 0.1
    deep = converted("to_profile", colours(np.uint16), About(ADOBE), **values)
    assert np.linalg.norm(lab(deep / 257) - lab(expected), axis=2).max() < 1.25  # 8 bits are rounded


def colorants(profile):
    """From linear RGB to XYZ under D50, as the tags of the profile say it."""
    tags = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    return np.array([tags.red_colorant[0], tags.green_colorant[0], tags.blue_colorant[0]]).T


@pytest.mark.parametrize("space", ["srgb", "display-p3"])
def test_colours_of_16_bits_are_those_of_the_formula(space):
    """But for the table that LittleCMS makes of a conversion of 16 bits, which is coarse next to clipped colours."""
    matrix = colorants(profile_of(space))
    light = (colours(np.uint16)[:, :, ::-1] / 65535) ** (563 / 256) @ (np.linalg.inv(matrix) @ colorants(ADOBE)).T
    result = converted("to_profile", colours(np.uint16), About(ADOBE), profile=space)[:, :, ::-1]
    difference = ciede2000(lab_of(srgb_curve(result / 65535) @ matrix.T), lab_of(np.clip(light, 0, 1) @ matrix.T))
    assert difference.max() < 0.4
    assert difference.mean() < 0.05


def test_gray_keeps_its_lightness():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    profile = gray_profile(gamma(1.8))
    for name in ("to_srgb", "to_profile"):
        result = converted(name, ramp, About(gray=profile))
        expected = by_little_cms(ramp, profile, profile_of("gray"), "relative", black_point=True)
        assert np.abs(result.astype(int) - expected).max() <= 1


def test_srgb_stays_as_it_is_and_so_do_pixels_with_a_spoiled_profile():
    for image in (colours(), colours(np.uint16), colours()[:, :, 0].copy()):
        assert np.array_equal(converted("to_srgb", image, About()), image)
    spoiled = converted("to_srgb", colours(), About(ADOBE[:200] + bytes(len(ADOBE) - 200)))
    assert np.abs(spoiled.astype(int) - colours()).max() <= 1


def file_of(image, profile, image_format):
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(image[:, :, ::-1] if image.ndim == 3 else image)
    picture.save(buffer, image_format, icc_profile=profile, **({"quality": 95} if image_format == "JPEG" else {}))
    return buffer.getvalue()


def profile_in(data):
    return PIL.Image.open(io.BytesIO(data)).info.get("icc_profile")


@pytest.mark.parametrize("encoding", ["jpeg", "png", "tiff", "webp", "avif"])
def test_the_output_says_which_colours_it_has(encoding):
    large = np.kron(colours(), np.ones((3, 3, 1), np.uint8))
    steps = {
        "srgb": (step("to_srgb"), step("invert")),
        "p3": (step("to_srgb"), step("to_profile", profile="display-p3")),
        "gray": (step("to_profile", profile="gray"),),
        "same": (step("invert"),),
    }
    outputs = tuple(Output(name, chain, encoding) for name, chain in steps.items())
    file = file_of(large, ADOBE, "PNG")
    done = process(file, Recipe(outputs, metadata=Metadata.STRIP))
    files = {output.name: bytes(blob) for output, blob in zip(done.outputs, done.blobs, strict=True)}
    assert profile_in(files["srgb"]) == profile_of("srgb")
    assert profile_in(files["p3"]) == profile_of("display-p3")
    assert profile_in(files["gray"]) in (profile_of("gray"), None)
    assert profile_in(files["same"]) == ADOBE


@pytest.mark.parametrize("source_format", ["PNG", "TIFF"])
def test_strips_convert_as_the_whole_does(source_format):
    image = np.random.default_rng(1).integers(0, 256, (700, 90, 3), np.uint8)
    file = file_of(image, ADOBE, source_format)
    header = formats.read_header(file)
    chain = (step("to_srgb", intent="perceptual"), step("box_blur"), step("to_profile", profile="gray"))
    root = informed(grow(Recipe((Output("o", chain),))), lambda: about(header, {}))
    targets = {"o": formats.Target("png")}
    whole = process(file, Recipe((Output("o", chain, "png"),)))
    made = process_in_strips(file, header, root, targets, carried=formats.carried(header, Metadata.STRIP_GPS))
    data = made.files["o"].read(0, len(made.files["o"]))
    decoded = [formats.decode(each, formats.read_header(each)) for each in (data, bytes(whole.blobs[0]))]
    assert np.array_equal(*decoded)
    assert profile_in(data) == profile_in(bytes(whole.blobs[0])) == profile_of("gray")
