"""What images really take in each filter, beside what admission sets aside for them: never more, and not less than a
third. tests/integration/test_needs_of_formats.py is the same for formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterfleet.worker.filters import catalogue
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.needs_rig import ALL_KINDS, KINDS, check, noise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LOGO = "hex:" + cv2.imencode(".png", np.full((60, 80, 4), 90, np.uint8))[1].tobytes().hex()
VALUES: dict[str, list[Any]] = {
    "convolve": [["kernel", [[1, 2, 1], [2, 4, 2], [1, 2, 1]]], ["divisor", 16]],
    "nl_means": [["search", 3], ["template", 3]],
    "bilateral": [["size", 3]],
    "resize": [["width", 2100]],
    "thumbnail": [["width", 2100], ["height", 2100]],
    "channel": [["channel", "green"]],
    "crop": [["width", 2100], ["height", 2100]],
    "pad": [["width", 3500], ["color", "#00ff00"]],
    "background": [["color", "#00ff00"]],
    "rotate": [["angle", 33], ["color", "#ff0000"]],
    "trim": [["empty", "keep"]],
    "smart_crop": [["width", 2100]],
    "letterbox": [["width", 2100], ["height", 2100]],
    "match_histogram": [["picture", LOGO]],
    "watermark_image": [["picture", LOGO]],
    "watermark_text": [["text", "filterfleet"]],
}


def families() -> list[str]:
    """A filter of each family: one that takes most among those whose estimates are computed by the same branches."""
    found: dict[object, tuple[float, str]] = {}
    for each in catalogue():
        values = {name: parameter.default for name, parameter in each.parameters.items()}
        family = type(each.merge), each.alpha, each.deep(**values), each.gray, each.tints(**values)
        found[family] = max(found.get(family, (0.0, "")), (each.work(**values), each.name))
    return sorted(name for _, name in found.values())


def check_filters(names: list[str], kind: str, noise_files: Path, encoding: str = "png") -> None:
    check({name: (noise_files / f"{kind}.tif", [[name, VALUES.get(name, [])]], encoding) for name in names})


@pytest.mark.parametrize("kind", ["gray", "colour", "deep, transparent"])
def test_each_filter_takes_what_is_set_aside_for_it(kind: str, noise_files: Path) -> None:
    check_filters([found.name for found in catalogue()], kind, noise_files)


@pytest.mark.parametrize("kind", ["transparent", "deep"])
def test_so_does_one_of_each_family(kind: str, noise_files: Path) -> None:
    check_filters(families(), kind, noise_files)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("deep, transparent", ["rotate", "pad", "grayscale", "saturation", "white_balance", "to_profile", "trim"]),
        ("gray", ["rotate", "sepia", "pad", "deskew"]),
        ("gray, transparent", ["pad", "rotate", "background", "crop"]),
        ("deep, gray", ["mix", "stretch", "rotate"]),
    ],
)
def test_so_do_those_that_take_more_than_a_plain_encoder(kind: str, names: list[str], noise_files: Path) -> None:
    """To BMP, which takes next to nothing: what a filter forgets is not hidden behind its encoder."""
    check_filters(names, kind, noise_files, "bmp")


STRONG = [["kernel", [[1, 2, 1], [2, 900, 2], [1, 2, 1]]]]  # whose sums float32 does not hold


@pytest.mark.parametrize(
    ("bands", "bits", "filters"),
    [
        (3, 16, {"convolve": STRONG}),
        (4, 8, {"threshold": [], "sobel": [], "box_blur": [], "smart_crop": [["width", 40_000]], "convolve": STRONG}),
    ],
)
def test_so_do_those_that_compute_some_rows_at_once_of_a_wide_image(
    bands: int, bits: int, filters: dict[str, list[Any]], tmp_path: Path
) -> None:
    file = tmp_path / "wide.tif"
    noise(bands, bits, across=60_000).tiffsave(str(file))
    check({name: (file, [[name, values]], "bmp") for name, values in filters.items()})


@pytest.mark.parametrize(
    ("bands", "bits", "names"), [(4, 16, ["canny", "curves"]), (3, 8, ["equalize", "adaptive_threshold"])]
)
def test_so_do_those_that_come_closest_on_a_larger_image(
    bands: int, bits: int, names: list[str], tmp_path: Path
) -> None:
    """What is forgotten for each pixel is not hidden behind what every image gets."""
    file = tmp_path / "large.tif"
    noise(bands, bits).replicate(2, 2).tiffsave(str(file))
    check({name: (file, [[name, []]], "bmp") for name in names})


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_so_do_all_with_a_plain_encoder(kind: str, noise_files: Path) -> None:
    check_filters([found.name for found in catalogue()], kind, noise_files, "bmp")


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["transparent", "deep"])
def test_so_do_all_of_each_family(kind: str, noise_files: Path) -> None:
    check_filters(sorted({found.name for found in catalogue()}.difference(families())), kind, noise_files)


def test_so_does_a_chain_with_several_images_at_once(noise_files: Path) -> None:
    steps = [["gaussian_blur", []], ["sharpen", []], ["grayscale", []], ["canny", []]]
    check({kind: (noise_files / f"{kind}.tif", steps, "png") for kind in KINDS})
