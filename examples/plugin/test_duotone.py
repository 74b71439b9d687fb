import numpy as np

from common.recipe import Step
from worker.filters import Place, bind
from worker.strips.rows import windows


def test_black_and_white_become_the_two_colours():
    duotone = bind(Step("duotone", (("dark", "#010203"), ("light", "#a0b0c0"))))
    image = np.array([[0, 255]], np.uint8)
    assert duotone(image).tolist() == [[[3, 2, 1], [0xC0, 0xB0, 0xA0]]]


def test_strips_are_the_whole():
    duotone = bind(Step("duotone"))
    image = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
    rules = duotone.filter.merge
    parts = []
    for window in windows(300, 40, rules.halo(**duotone.values), rules.align(**duotone.values)):
        rows = image[window.outer_top : window.outer_bottom]
        parts.append(window.crop(duotone(rows, Place(window.outer_top, 200, 300))))
    assert np.array_equal(np.concatenate(parts), duotone(image))
