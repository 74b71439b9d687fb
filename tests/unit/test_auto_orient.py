"""auto_orient = false: the pixels stay as stored, and the outputs say which way up they are."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Metadata, Output, Recipe, Step
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.worker import formats
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.orientation import orientation_of
from tests.unit.filter_definitions import IMAGES

IMAGE = np.ascontiguousarray(IMAGES["BGR 8"][:, :, ::-1])


def stored(orientation, image_format):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PIL.Image.fromarray(IMAGE).save(buffer, image_format, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("encoding", ["png", "tiff", "webp"])
def test_pixels_stay_as_stored_and_say_so(encoding, orientation):
    outputs = (Output("o", (), encoding), Output("turned", (Step("rotate", (("angle", 90.0),)),), "png"))
    for metadata in Metadata:
        done = process(stored(orientation, "PNG"), Recipe(outputs, metadata, auto_orient=False))
        files = [bytes(blob) for blob in done.blobs]
        header = formats.read_header(files[0])
        assert (done.report["width"], done.report["height"]) == (IMAGE.shape[1], IMAGE.shape[0])
        assert (header.width, header.height) == (IMAGE.shape[1], IMAGE.shape[0])
        stated = 1 if metadata is Metadata.STRIP else orientation
        assert orientation_of(header.exif) == stated
        assert header.orientation == stated
        pixels = formats.decode(files[0], header.unturned())
        if encoding != "webp":
            assert np.array_equal(pixels[:, :, ::-1], IMAGE)
        turned = formats.decode(files[1], formats.read_header(files[1]).unturned())
        assert np.array_equal(turned[:, :, ::-1], np.rot90(IMAGE, -1))


def parsed(text):
    return parse_recipe(text.encode(), Path())


def test_a_recipe_says_it_and_others_keep_their_digest():
    table = '[outputs.o]\nsteps = ["invert"]\n'
    plain, kept = parsed(table), parsed("auto_orient = false\n" + table)
    assert plain == parsed("auto_orient = true\n" + table)
    assert (plain.auto_orient, kept.auto_orient) == (True, False)
    assert plain.digest != kept.digest
    assert Recipe.from_bytes(kept.to_bytes()) == kept
    assert kept.needs - plain.needs == {"output.auto_orient"}
    with pytest.raises(RecipeError, match="auto_orient is true or false, not 'no'"):
        parsed('auto_orient = "no"\n' + table)
