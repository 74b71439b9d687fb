"""What the estimate of memory says of steps, and of bands, before anything is decoded."""

from __future__ import annotations

import pytest

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import bind
from filterfleet.worker.formats import Header, Target
from filterfleet.worker.needs import Pixels, step
from filterfleet.worker.settings import STRIPS_NEED
from filterfleet.worker.strips import cheapest
from filterfleet.worker.strips.plan import Size, band_rows, bands, needed, tallest
from filterfleet.worker.tree import Node, grow


def result_of(name: str, bands: int, **values: object) -> Pixels:
    return step(bind(Step(name, tuple(sorted(values.items())))), Pixels(1000, 1000, bands, 2))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "values"), [("rotate", {"angle": 10.0}), ("pad", {"width": 2000})])
@pytest.mark.parametrize(("color", "bands"), [("#808080", [1, 2, 3, 4]), ("#ff0000", [3, 4, 3, 4])])
def test_a_border_adds_colour_to_gray_and_takes_no_alpha_away(
    name: str, values: dict[str, object], color: str, bands: list[int]
) -> None:
    assert [result_of(name, count, color=color, **values).bands for count in (1, 2, 3, 4)] == bands


def test_colour_of_gray_is_counted_while_it_is_made() -> None:
    gray, colour = (step(bind(Step("sepia")), Pixels(1000, 1000, bands, 1)) for bands in (1, 3))
    assert gray[0] == colour[0] == Pixels(1000, 1000, 3, 1)
    assert gray[1] >= 3_000_000


def chain(*steps: tuple[str, dict[str, object]]) -> Node:
    made = tuple(Step(name, tuple(sorted(values.items()))) for name, values in steps)  # type: ignore[arg-type]
    return grow(Recipe((Output("o", made),)))


BLUR, SMALL = ("gaussian_blur", {"size": 31}), ("thumbnail", {})
CHAINS = {
    "as it is": [],
    "thumbnail": [SMALL],
    "blur": [BLUR],
    "blur, thumbnail": [BLUR, SMALL],
    "whole periods": [("resize", {"width": 500, "height": 1000})],
    "lanczos": [("resize", {"width": 700, "method": "lanczos"})],
    "larger": [("resize", {"width": 2_000, "method": "cubic"})],
    "nearest": [("resize", {"width": 700, "method": "nearest"})],
    "blocks": [("pixelate", {"block": 200}), BLUR, ("pixelate", {"block": 7})],
    "canny": [BLUR, ("canny", {})],
}


@pytest.mark.parametrize("size", [Size(80_000, 1_000), Size(9_000, 7_201), Size(500, 5_003), Size(1_000, 20_000)])
@pytest.mark.parametrize("steps", CHAINS.values(), ids=CHAINS)
def test_no_band_needs_more_rows_than_are_counted(steps: list[tuple[str, dict[str, object]]], size: Size) -> None:
    root = chain(*steps)
    most = max(len(needed(root, band, size)) for band in bands(size.height, band_rows(root, size)))
    assert most <= tallest(root, size) <= 2 * most + 50


@pytest.mark.parametrize(("steps", "most"), [([SMALL], 1.1), ([BLUR, SMALL], 2.0)], ids=["thumbnail", "with a blur"])
def test_a_thumbnail_of_a_wide_image_takes_little_at_any_height(
    steps: list[tuple[str, dict[str, object]]], most: float
) -> None:
    targets = {"o": Target("tiff")}
    costs = [
        cheapest(Header("tiff", 80_000, height, bands=3, bounded=True), chain(*steps), targets, 3, 8 << 30)
        for height in (810, 1000, 1001, 4000, 8000)
    ]
    assert max(cost.need for cost in costs) < most * STRIPS_NEED
