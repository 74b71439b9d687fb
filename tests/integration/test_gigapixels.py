"""Images of 200 to 1,000 megapixels through the default recipe: little memory, and the pixels of the whole image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvips

from filterfleet.bench.huge import check_same_pixels, huge_images, in_strips, whole_image
from filterfleet.bench.huge_image import make_huge_jpeg, make_panorama
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.process.system import cores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MB = 1_000_000


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)  # gigabytes, which pytest would keep


@pytest.mark.parametrize("megapixels", [200, pytest.param(400, marks=pytest.mark.exhaustive)])
def test_the_pixels_are_those_of_opencv_in_under_350_megabytes(megapixels: int, scratch: Path) -> None:
    for image_format, source in huge_images(scratch, megapixels):
        whole = whole_image(source, scratch / f"{image_format}-whole", cores())
        strips = in_strips(source, scratch / f"{image_format}-strips")
        print(f"{image_format}: whole {whole.seconds:.1f} s, {whole.peak / MB:.0f} MB; ", end="")
        print(f"strips {strips.seconds:.1f} s, {strips.peak / MB:.0f} MB")
        check_same_pixels(scratch / f"{image_format}-whole", scratch / f"{image_format}-strips")
        assert strips.peak < 350 * MB


def test_400_megapixels_change_their_size_and_are_cut_in_under_350_megabytes(scratch: Path) -> None:
    source = scratch / "source"
    source.mkdir()
    make_huge_jpeg(source / "huge.jpg", 20_000)
    steps = {
        "resize": Step("resize", (("method", "lanczos"), ("width", 5_000))),
        "crop": Step("crop", (("height", 17_000), ("left", 1_001), ("top", 999), ("width", 18_000))),
    }
    for name, step in steps.items():
        strips = in_strips(source, scratch / "out", Recipe((Output(name, (step,), "jpeg"),)))
        print(f"{name}: strips {strips.seconds:.1f} s, {strips.peak / MB:.0f} MB")
        assert strips.peak < 350 * MB
    sizes = {}
    for name in steps:
        header = pyvips.Image.new_from_file(str(scratch / "out" / name / "huge.jpg"))
        sizes[name] = (header.width, header.height)
    assert sizes == {"resize": (5_000, 5_000), "crop": (18_000, 17_000)}


def test_a_gigapixel_takes_under_450_megabytes(scratch: Path) -> None:
    source = scratch / "source"
    source.mkdir()
    make_huge_jpeg(source / "huge.jpg", 31_700)
    strips = in_strips(source, scratch / "out")
    print(f"gigapixel: strips {strips.seconds:.1f} s, {strips.peak / MB:.0f} MB")
    assert {file.parent.name for file in (scratch / "out").rglob("huge*")} == {"grayscale", "blur", "edges"}
    assert strips.peak < 450 * MB


def test_a_panorama_200000_pixels_wide_takes_under_350_megabytes(scratch: Path) -> None:
    source = scratch / "source"
    source.mkdir()
    make_panorama(source / "wide.tif", 200_000, 1_000)
    strips = in_strips(source, scratch / "out")
    print(f"panorama: strips {strips.seconds:.1f} s, {strips.peak / MB:.0f} MB")
    for name in ("grayscale/wide.tif", "blur/wide.tif", "edges/wide.tif.png"):
        header = pyvips.Image.new_from_file(str(scratch / "out" / name))
        assert (header.width, header.height) == (200_000, 1_000)
    assert strips.peak < 350 * MB
