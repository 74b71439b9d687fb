"""How long filters take is measured, with the values that are given."""

import weakref

import numpy as np
import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.catalogue.seconds import MEGAPIXELS, photograph, seconds, steps_of, told
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step

SLOW = Step("bilateral", (("size", 31),))


def test_the_photograph_has_its_megapixels():
    image = photograph()
    assert image.shape[0] * image.shape[1] == pytest.approx(MEGAPIXELS * 1e6, rel=0.05)
    assert image.std() > 20


def test_a_slow_step_is_multiplied_and_its_picture_passed_on():
    image = photograph()
    spent, made = seconds(SLOW, image)
    assert made is image, "it was tried on a part"
    quick, made = seconds(Step("grayscale"), image)
    assert made.ndim == 2
    assert spent > 20 * quick > 0


def test_what_outputs_share_is_done_once_and_shrunk_pictures_cost_less():
    small = Step("thumbnail", (("width", 320), ("height", 320)))
    recipe = Recipe((Output("a", (small,), "png"), Output("b", (small, SLOW), "png"), Output("c", (SLOW,), "png")))
    found = dict(steps_of(recipe))
    assert list(found) == [
        "output 'a', step 1, 'thumbnail'",
        "output 'b', step 2, 'bilateral'",
        "output 'c', step 1, 'bilateral'",
    ]
    assert found["output 'c', step 1, 'bilateral'"] > 20 * found["output 'b', step 2, 'bilateral'"]
    assert told(recipe).endswith("output 'c', step 1, 'bilateral'")


@pytest.mark.parametrize("name", ["resize", "letterbox"])
def test_a_size_is_changed_on_the_whole_photograph(name):
    """To make a part of it as large as the result would take many times longer."""
    _, made = seconds(Step(name, (("height", 1500), ("width", 2000))), photograph())
    assert made.shape == (1500, 2000, 3)


def test_pictures_that_nothing_else_needs_are_given_up(monkeypatch):
    """64 outputs of many steps would take gigabytes otherwise."""
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def instant(_step, _image, _patience):
        nonlocal most
        made = np.zeros((1, 1), np.uint8)
        alive.append(weakref.ref(made))
        most = max(most, sum(each() is not None for each in alive))
        return 0.0, made

    monkeypatch.setattr("filterfleet.catalogue.seconds.seconds", instant)
    steps = [Step("gamma", (("gamma", 1 + n),)) for n in range(12)]
    recipe = Recipe(tuple(Output(f"o{n}", (steps[n], *steps), "png") for n in range(10)))
    assert len(list(steps_of(recipe))) == 10 * 13
    assert most <= 2


def test_a_step_that_fails_is_told(registered):
    registered('@register("bad", merge=Rows())\ndef bad(image):\n    "Fails."\n    raise RuntimeError("too large")')
    said = told(Recipe((Output("a", (Step("bad"),), "png"),)))
    assert said.endswith("because a step fails in filter 'bad': RuntimeError: too large")


def test_a_step_that_refuses_the_photograph_is_told(monkeypatch):
    def refuses(*_):
        raise ImageError("The image is too gray.")

    monkeypatch.setattr("filterfleet.catalogue.seconds.seconds", refuses)
    assert told(DEFAULT).endswith("cannot be taken: The image is too gray.")


def test_commands_say_it():
    said = CliRunner().invoke(app, ["recipe", "check", "web"]).output
    assert "time: the filters take about " in said
    assert "of one processor for 12 megapixels here" in CliRunner().invoke(app, ["filters", "grayscale"]).output
