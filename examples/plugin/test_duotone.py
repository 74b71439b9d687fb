import numpy as np

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind
from filterfleet.worker.strips.check import joined


def test_black_and_white_become_the_two_colours():
    duotone = bind(Step("duotone", (("dark", "#010203"), ("light", "#a0b0c0"))))
    image = np.array([[0, 255]], np.uint8)
    assert duotone(image).tolist() == [[[3, 2, 1], [0xC0, 0xB0, 0xA0]]]


def test_strips_are_the_whole():
    duotone = bind(Step("duotone"))
    image = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
    assert np.array_equal(joined(duotone, image, 40), duotone(image))
