"""Files of several pages or frames: the first is done, and the report says so."""

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.worker.pipeline import process
from tests.unit import samples
from tests.unit.samples import BGR, Image, opened, pil, saved
from tests.unit.test_tiff_kinds import pages

FRAMES = "The file has several frames; the outputs show the first one."
PAGES = "The file has several pages; the outputs show the first one."
OTHERS = [pil(255 - BGR), pil(BGR[::-1])]


def file_of(kind, others):
    options = {"lossless": True} if kind == "WEBP" else {}
    if not others:
        return saved(pil(BGR), kind, **options)
    return saved(pil(BGR), kind, save_all=True, append_images=others, **options)


def done(file):
    return process(file, Recipe((Output("out", (), "png"),)))


@pytest.mark.parametrize(("kind", "note"), [("GIF", FRAMES), ("WEBP", FRAMES), ("PNG", FRAMES), ("TIFF", PAGES)])
def test_several_are_told(kind, note):
    file = file_of(kind, OTHERS)
    assert Image.open(samples.io.BytesIO(file)).n_frames == 3
    made = done(file)
    assert made.report["notes"] == note
    first = np.asarray(opened(file).convert("RGB"))
    assert np.array_equal(np.asarray(opened(bytes(made.blobs[0])).convert("RGB")), first)
    assert "notes" not in done(file_of(kind, [])).report


def test_smaller_versions_of_a_page_are_no_pages():
    assert "notes" not in done(pages((samples.GRAY[:15, :20].copy(), 1), (samples.GRAY, 0))).report
    assert done(pages((samples.GRAY, 0), (samples.GRAY, 0))).report["notes"] == PAGES
