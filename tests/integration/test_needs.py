"""What images really take in each filter, beside what admission sets aside for them: never more, and not less than a
quarter. tests/integration/test_needs_of_formats.py is the same for formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterfleet.worker.filters import catalogue
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.needs_rig import KINDS, check, noise

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
    "pad": [["width", 3500]],
    "rotate": [["angle", 33], ["color", "#ff0000"]],
    "trim": [["empty", "keep"]],
    "smart_crop": [["width", 2100]],
    "letterbox": [["width", 2100], ["height", 2100]],
    "match_histogram": [["picture", LOGO]],
    "watermark_image": [["picture", LOGO]],
    "watermark_text": [["text", "filterfleet"]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Files that are quickly decoded, one of each kind."""
    made = tmp_path_factory.mktemp("noise")
    for name, kind in KINDS.items():
        noise(*kind).tiffsave(str(made / f"{name}.tif"))
    yield made
    for file in made.iterdir():
        file.unlink()


def families() -> list[str]:
    """A filter of each family: one that takes most among those whose estimates are computed by the same branches."""
    found: dict[object, tuple[float, str]] = {}
    for each in catalogue():
        family = type(each.merge), each.alpha, each.deep, each.gray, each.tints
        values = {name: parameter.default for name, parameter in each.parameters.items()}
        found[family] = max(found.get(family, (0.0, "")), (each.work(**values), each.name))
    return sorted(name for _, name in found.values())


def check_filters(names: list[str], kind: str, folder: Path) -> None:
    check({name: (folder / f"{kind}.tif", [[name, VALUES.get(name, [])]], "png") for name in names})


@pytest.mark.parametrize("kind", ["gray", "colour", "deep, transparent"])
def test_each_filter_takes_what_is_set_aside_for_it(kind: str, folder: Path) -> None:
    check_filters([found.name for found in catalogue()], kind, folder)


@pytest.mark.parametrize("kind", ["transparent", "deep"])
def test_so_does_one_of_each_family(kind: str, folder: Path) -> None:
    check_filters(families(), kind, folder)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["transparent", "deep"])
def test_so_do_all_of_each_family(kind: str, folder: Path) -> None:
    check_filters(sorted({found.name for found in catalogue()}.difference(families())), kind, folder)


def test_so_does_a_chain_with_several_images_at_once(folder: Path) -> None:
    steps = [["gaussian_blur", []], ["sharpen", []], ["grayscale", []], ["canny", []]]
    check({kind: (folder / f"{kind}.tif", steps, "png") for kind in KINDS})
